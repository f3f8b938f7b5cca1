/** The course's exercises: a student's file is compiled, run and compared, and what is wrong is said in words. */
package lorikeet.peft.lessons;
