/** Text and tokens: tokenizers of Hugging Face folders, and a small trainer that makes one. */
package lorikeet.model.text;
