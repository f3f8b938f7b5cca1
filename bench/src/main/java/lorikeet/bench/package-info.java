/** Benchmarks and yardsticks. */
package lorikeet.bench;
