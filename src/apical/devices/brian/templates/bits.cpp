{# Functions that pack 64 answers into one number, and list those that are yes. #}
#ifdef __AVX512F__
#include <immintrin.h>
#endif

// Bit k says whether byte k of 64 is 255 rather than 0.
static inline uint64_t _bits(const unsigned char* bytes)
{
#ifdef __AVX512BW__
    return _mm512_movepi8_mask(_mm512_load_si512(bytes));
#else
    uint64_t bits = 0;
    for (int k = 0; k < 64; k += 8)
    {
        uint64_t eight = 0;
        for (int b = 0; b < 8; b++) eight |= (uint64_t)(bytes[k + b] & 1) << (8 * b);
        bits |= (eight * 0x0102040810204080ull >> 56) << k;
    }
    return bits;
#endif
}

// Appends those of 64 neurons whose bit is set to a list of `count`, and returns how many it has then.
static inline long _append(uint64_t bits, const int32_t* neurons, int32_t* list, long count)
{
#ifdef __AVX512F__
    for (int k = 0; k < 64; k += 16, bits >>= 16)
    {
        const __mmask16 set = bits;
        const int number = __builtin_popcount(set);
        const __m512i found = _mm512_maskz_compress_epi32(set, _mm512_loadu_si512(neurons + k));
        _mm512_mask_storeu_epi32(list + count, (1u << number) - 1, found);
        count += number;
    }
#else
    for (; bits; bits &= bits - 1) list[count++] = neurons[__builtin_ctzll(bits)];
#endif
    return count;
}
