/** What a model learns from: WordNet's text and tasks, files of JSON lines, examples and ragged batches. */
package lorikeet.model.data;
