/** What an adapter has learned, measured on its numbers: one question per file. */
package lorikeet.peft.explain;
