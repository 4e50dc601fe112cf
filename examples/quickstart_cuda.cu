/* An engine's case: both pictures lie in the GPU's memory, a network is trained on them and decodes there, and all of
   it goes onto a stream of the engine's own.

      nvcc -O2 -std=c++17 -arch=native -I. examples/quickstart_cuda.cu gamutmlp_cuda.cu -o quickstart_cuda
      ./quickstart_cuda */
#define GAMUTMLP_IMPLEMENTATION
#include "gamutmlp.h"
#include <cuda_runtime.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static gmlp_cuda *gpu;
static char words[GMLP_CUDA_ERROR]; /* why there is none */
static void check(int good, const char *what, const char *why) {
    if (!good) { fprintf(stderr, "quickstart_cuda: %s %s\n", what, why); exit(1); }
}
static void cuda(cudaError_t e) { check(e == cudaSuccess, "CUDA:", cudaGetErrorString(e)); }
static void call(gmlp_result result) { check(!result, gmlp_result_string(result), gpu ? gmlp_cuda_error(gpu) : words); }

/* What an engine draws: wide, linear Rec.2020, and base, the same clipped to sRGB's codes. */
static __global__ void draw(uint32_t width, uint32_t height, float *wide, uint8_t *base) {
    static const float to_srgb[9] = {1.660491f,  -0.587641f, -0.072850f, -0.124550f, 1.132900f,
                                     -0.008349f, -0.018151f, -0.100579f, 1.118730f};
    const uint32_t x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
    const float u = (float)x / (float)width, v = (float)y / (float)height;
    if (x >= width) return;
    float *const w = wide + 3 * ((size_t)y * width + x);
    uint8_t *const b = base + 3 * ((size_t)y * width + x);
    for (int k = 0; k < 3; k++) w[k] = 0.4f + 0.4f * v * sinf(9.0f * u + 4.0f * v + 2.1f * (float)k);
    for (int k = 0; k < 3; k++) {
        const float *const m = to_srgb + 3 * k;
        const float light = fminf(fmaxf(m[0] * w[0] + m[1] * w[1] + m[2] * w[2], 0.0f), 1.0f);
        const float code = light <= 0.0031308f ? 12.92f * light : 1.055f * powf(light, 1.0f / 2.4f) - 0.055f;
        b[k] = (uint8_t)(255.0f * code + 0.5f);
    }
}

/* A copy for the host, which looks at it. */
static void *fetch(const void *there, size_t size) {
    void *const here = malloc(size);
    check(here != NULL, "out of memory", "");
    cuda(cudaMemcpy(here, there, size, cudaMemcpyDeviceToHost));
    return here;
}

/* Peak 1 against the mean squared error. */
static double psnr(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)(a[i] - b[i]) * (double)(a[i] - b[i]);
    return 10 * log10((double)n / sum);
}

int main(void) {
    const uint32_t width = 1920, height = 1080;
    const size_t samples = (size_t)width * height * 3;
    uint8_t *codes, bytes[4096];
    float *original, *result;
    cudaStream_t stream;
    cuda(cudaStreamCreate(&stream));
    cuda(cudaMalloc(&codes, samples));
    cuda(cudaMalloc(&original, samples * sizeof *original));
    cuda(cudaMalloc(&result, samples * sizeof *result));
    draw<<<dim3((width + 127) / 128, height), 128, 0, stream>>>(width, height, original, codes);
    cuda(cudaGetLastError());

    /* There: train a network on what was lost. Its blob travels with the base: gmlp_png_embed, gmlp_jpeg_embed. */
    gmlp_cuda_opts where = {};
    where.stream = stream;
    where.error = words;
    call(gmlp_cuda_create(&where, &gpu));
    gmlp_image base = {codes, width, height, 0, GMLP_U8, 3, GMLP_SRGB, 0};
    gmlp_image wide = {original, width, height, 0, GMLP_F32, 3, GMLP_REC2020_LINEAR, 0};
    gmlp_image again = {result, width, height, 0, GMLP_F32, 3, GMLP_REC2020_LINEAR, 0};
    gmlp_train_opts train = {};
    gmlp_net net;
    size_t size;
    train.device = gmlp_cuda_device(gpu);
    call(gmlp_train(&base, &wide, &train, &net, NULL));
    call(gmlp_blob_write(&net, bytes, sizeof bytes, &size));
    gmlp_net_free(&net);

    /* Back: from the base and the blob. What comes after on the stream sees the result. */
    gmlp_decode_opts decode = {};
    decode.device = train.device;
    call(gmlp_blob_read(bytes, size, NULL, &net, NULL));
    call(gmlp_decode(&net, &base, &again, &decode));
    cuda(cudaStreamSynchronize(stream)); /* for the host */
    float *const p = (float *)fetch(original, samples * sizeof *p);
    float *const q = (float *)fetch(result, samples * sizeof *q);
    const double with = psnr(p, q, samples);
    base.data = fetch(codes, samples);
    again.data = q;
    call(gmlp_convert(&base, &again, NULL));
    printf("sRGB alone: %.2f dB\nwith the network of %zu bytes: %.2f dB\n", psnr(p, q, samples), size, with);

    gmlp_net_free(&net);
    gmlp_cuda_free(gpu);
    cudaFree(codes), cudaFree(original), cudaFree(result), cudaStreamDestroy(stream);
    return 0; /* the system frees the rest */
}
