/** Finished runs of methods side by side: kept in files, drawn up as the lecture's table and as pictures. */
package lorikeet.peft.comparison;
