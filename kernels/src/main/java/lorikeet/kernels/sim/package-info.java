/** A GPU made of Java: parses the PTX that ships and executes it with checked memory. */
package lorikeet.kernels.sim;
