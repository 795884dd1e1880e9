{# A function that packs 64 answers into one number. #}
#ifdef __AVX512BW__
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
