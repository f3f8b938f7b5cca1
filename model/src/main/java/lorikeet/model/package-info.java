/** A GPT, as one reads it: decoder, generation, evaluation, training loop, Hugging Face folders. */
package lorikeet.model;
