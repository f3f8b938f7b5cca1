/** What runs: verbs over flat buffers. No tensors, no gradients. */
package lorikeet.kernels;
