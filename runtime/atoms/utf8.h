// UTF-8 with full validation, and the White_Space property of Unicode.
#ifndef AMBIT_RUNTIME_UTF8_H
#define AMBIT_RUNTIME_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool ambi_is_scalar(uint32_t c) {
  return c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
}

// Bytes taken by the character at p < end, which goes to *c; 0: not UTF-8.
static inline unsigned ambi_utf8_decode(const unsigned char *p,
                                        const unsigned char *end, uint32_t *c) {
  uint32_t lead = *p;
  if (lead < 0x80) {
    *c = lead;
    return 1;
  }
  unsigned n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || end - p < (int)n) return 0;
  uint32_t v = lead & (0x7Fu >> n);
  for (unsigned i = 1; i < n; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
    v = v << 6 | (p[i] & 0x3Fu);
  }
  bool overlong = (n == 3 && v < 0x800) || (n == 4 && v < 0x10000);
  if (overlong || !ambi_is_scalar(v)) return 0;
  *c = v;
  return n;
}

// The first byte that is not UTF-8; NULL: all is.
static inline const char *ambi_utf8_wrong(const char *s, const char *end) {
  const unsigned char *p = (const unsigned char *)s;
  const unsigned char *last = (const unsigned char *)end;
  while (p < last) {
    uint64_t eight;
    uint32_t c;
    if (last - p >= 8) {
      memcpy(&eight, p, sizeof eight);
      if (!(eight & 0x8080808080808080u)) {
        p += 8;
        continue;
      }
    }
    unsigned n = ambi_utf8_decode(p, last, &c);
    if (n == 0) return (const char *)p;
    p += n;
  }
  return NULL;
}

// Writes a scalar value; returns the bytes written.
static inline unsigned ambi_utf8_encode(uint32_t c, char out[4]) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  unsigned n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (unsigned i = n; i-- > 1; c >>= 6)
    out[i] = (char)(0x80 | (c & 0x3F));
  out[0] = (char)((0xF00u >> n & 0xF0u) | c);
  return n;
}

static inline bool ambi_is_white_space(uint32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

#endif
