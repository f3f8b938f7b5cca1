/** The command line. */
package lorikeet.peft.cli;
