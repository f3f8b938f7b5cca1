/** The lecture's fine-tuning methods, one per file, and the files in which adapters are exchanged. */
package lorikeet.peft;
