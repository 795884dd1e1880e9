// What generated CUDA programs use of CUDA, on a CPU: kernels run thread by thread, last thread first,
// and what they do to memory is seen by the sanitizers of a C++ compiler. It shows whether a program
// is right, not whether a GPU would like it: no kernel of ours waits for other threads.
#pragma once
#include <math.h>
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#define __CUDA_ARCH__ 900
#define __global__
#define __device__
#define __host__
#define __restrict__

struct dim3
{
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
inline dim3 gridDim, blockDim, blockIdx, threadIdx;

struct Launch
{
    dim3 blocks, threads;
    Launch(dim3 blocks, dim3 threads) : blocks(blocks), threads(threads) {}
    template <class Kernel> auto of(Kernel* kernel) const
    {
        return [=, *this](auto... arguments)
        {
            if (threads.x == 0 || threads.x > 1024 || blocks.x == 0 || blocks.y == 0)
            {
                fprintf(stderr, "ERROR: invalid configuration of a launch\n");
                exit(1);
            }
            gridDim = blocks; blockDim = threads;
            for (unsigned y = blocks.y; y-- > 0;)
                for (unsigned x = blocks.x; x-- > 0;)
                    for (unsigned t = threads.x; t-- > 0;)
                    {
                        blockIdx = dim3(x, y); threadIdx = dim3(t, 0);
                        kernel(arguments...);
                    }
        };
    }
};

enum cudaError { cudaSuccess = 0 };
typedef cudaError cudaError_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaLimit { cudaLimitMallocHeapSize };
struct cudaDeviceProp
{
    int multiProcessorCount, maxThreadsPerBlock, maxThreadsPerMultiProcessor, warpSize;
    size_t sharedMemPerBlock;
};
struct cudaFuncAttributes
{
    int maxThreadsPerBlock = 1024, numRegs = 0;
    size_t sharedSizeBytes = 0, localSizeBytes = 0, constSizeBytes = 0;
};

inline const char* cudaGetErrorString(cudaError) { return "no error"; }
inline cudaError cudaGetLastError() { return cudaSuccess; }
inline cudaError cudaSetDevice(int) { return cudaSuccess; }
inline cudaError cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError cudaProfilerStop() { return cudaSuccess; }
inline cudaError cudaDeviceSetLimit(cudaLimit, size_t) { return cudaSuccess; }
inline cudaError cudaMemGetInfo(size_t* available, size_t* total)
{
    *available = *total = size_t(1) << 28;
    return cudaSuccess;
}
inline cudaError cudaGetDeviceProperties(cudaDeviceProp* found, int)
{
    *found = {2, 1024, 2048, 32, 49152};
    return cudaSuccess;
}
inline cudaError cudaMalloc(void** memory, size_t bytes)
{
    *memory = malloc(bytes ? bytes : 1);
    memset(*memory, 0xA5, bytes);  // a GPU promises nothing either
    return cudaSuccess;
}
inline cudaError cudaFree(void* memory) { free(memory); return cudaSuccess; }
inline cudaError cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind)
{
    if (bytes) memcpy(to, from, bytes);
    return cudaSuccess;
}
template <class T> cudaError cudaMemcpyToSymbol(T& symbol, const void* from, size_t bytes)
{
    memcpy(&symbol, from, bytes);
    return cudaSuccess;
}
inline cudaError cudaMemsetAsync(void* memory, int value, size_t bytes)
{
    memset(memory, value, bytes);
    return cudaSuccess;
}
inline cudaError cudaMemset(void* memory, int value, size_t bytes)
{
    return cudaMemsetAsync(memory, value, bytes);
}
template <class F> cudaError cudaOccupancyMaxPotentialBlockSize(int* blocks, int* threads, F, int, int)
{
    *blocks = 2; *threads = 32;
    return cudaSuccess;
}
template <class F> cudaError cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, F, int, size_t)
{
    *blocks = 1;
    return cudaSuccess;
}
template <class F> cudaError cudaFuncGetAttributes(cudaFuncAttributes* found, F)
{
    *found = cudaFuncAttributes();
    return cudaSuccess;
}

template <class T, class V> T atomicAdd(T* address, V value)
{
    const T before = *address;
    *address = before + value;
    return before;
}
template <class T> T atomicCAS(T* address, T compared, T value)
{
    const T before = *address;
    if (before == compared) *address = value;
    return before;
}
template <class To, class From> To same_bits(From value)
{
    To found;
    memcpy(&found, &value, sizeof(found));
    return found;
}
inline int __float_as_int(float value) { return same_bits<int>(value); }
inline float __int_as_float(int value) { return same_bits<float>(value); }
inline unsigned long long __double_as_longlong(double value)
{
    return same_bits<unsigned long long>(value);
}
inline double __longlong_as_double(unsigned long long value) { return same_bits<double>(value); }
inline void __syncthreads() {}
inline void __threadfence() {}
template <class T> T atomicExch(T* address, T value) { return std::exchange(*address, value); }

// ---- cuRAND ----
#define CURAND_H_
enum curandStatus_t {
    CURAND_STATUS_SUCCESS, CURAND_STATUS_VERSION_MISMATCH, CURAND_STATUS_NOT_INITIALIZED,
    CURAND_STATUS_ALLOCATION_FAILED, CURAND_STATUS_TYPE_ERROR, CURAND_STATUS_OUT_OF_RANGE,
    CURAND_STATUS_LENGTH_NOT_MULTIPLE, CURAND_STATUS_DOUBLE_PRECISION_REQUIRED,
    CURAND_STATUS_LAUNCH_FAILURE, CURAND_STATUS_PREEXISTING_FAILURE,
    CURAND_STATUS_INITIALIZATION_FAILED, CURAND_STATUS_ARCH_MISMATCH, CURAND_STATUS_INTERNAL_ERROR
};
enum curandRngType_t { CURAND_RNG_PSEUDO_DEFAULT };
typedef std::mt19937_64* curandGenerator_t;
struct curandState {};
inline void curand_init(unsigned long long, int, int, curandState*) {}
inline std::mt19937 of_all_threads;
inline unsigned curand_poisson(curandState*, double mean)
{
    return std::poisson_distribution<unsigned>(mean)(of_all_threads);
}
inline curandStatus_t curandCreateGenerator(curandGenerator_t* made, curandRngType_t)
{
    *made = new std::mt19937_64;
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandDestroyGenerator(curandGenerator_t made)
{
    delete made;
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t made, unsigned long long seed)
{
    made->seed(seed);
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandSetGeneratorOffset(curandGenerator_t, unsigned long long)
{
    return CURAND_STATUS_SUCCESS;
}
template <class T, class D> curandStatus_t drawn(curandGenerator_t made, T* to, size_t n, D from)
{
    for (size_t k = 0; k < n; k++) to[k] = from(*made);
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandGenerateUniform(curandGenerator_t made, float* to, size_t n)
{
    return drawn(made, to, n, std::uniform_real_distribution<float>(1e-7f, 1));
}
inline curandStatus_t curandGenerateUniformDouble(curandGenerator_t made, double* to, size_t n)
{
    return drawn(made, to, n, std::uniform_real_distribution<double>(1e-16, 1));
}
inline curandStatus_t curandGenerateNormal(curandGenerator_t made, float* to, size_t n, float m, float s)
{
    return n % 2 ? CURAND_STATUS_LENGTH_NOT_MULTIPLE : drawn(made, to, n, std::normal_distribution<float>(m, s));
}
inline curandStatus_t curandGenerateNormalDouble(curandGenerator_t made, double* to, size_t n, double m, double s)
{
    return n % 2 ? CURAND_STATUS_LENGTH_NOT_MULTIPLE : drawn(made, to, n, std::normal_distribution<double>(m, s));
}
inline curandStatus_t curandGeneratePoisson(curandGenerator_t, unsigned*, size_t, double) { abort(); }

// ---- Thrust ----
namespace thrust
{
    template <class T> struct host_vector : std::vector<T>
    {
        using std::vector<T>::vector;
        T& operator[](size_t k) { return this->data()[k]; }
    };
    template <class T> struct device_vector : host_vector<T>
    {
        using host_vector<T>::host_vector;
        device_vector& operator=(const host_vector<T>& other)
        {
            std::vector<T>::operator=(other);
            return *this;
        }
    };
    template <class T> T* raw_pointer_cast(T* pointer) { return pointer; }
}
using std::max;
using std::min;
