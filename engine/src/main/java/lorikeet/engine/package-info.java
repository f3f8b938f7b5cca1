/** Tensors and learning: shapes, ops with their backward beside them, the tape, optimizers, files, gradient checks. */
package lorikeet.engine;
