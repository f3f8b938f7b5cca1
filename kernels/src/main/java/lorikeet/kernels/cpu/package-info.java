/** The CPU: oneDNN for matrix products, the JDK's Vector API for everything else. */
package lorikeet.kernels.cpu;
