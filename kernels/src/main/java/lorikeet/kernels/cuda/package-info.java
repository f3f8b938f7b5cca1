/** NVIDIA GPUs: kernels in PTX, cuBLAS, and the host code that launches them. */
package lorikeet.kernels.cuda;
