/** A training shown: as a page that needs nothing but itself, live while it goes on, and in TensorBoard. */
package lorikeet.peft.report;
