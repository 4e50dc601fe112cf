/* gamutmlp.h - v0.4.0 - wide gamut and HDR in an ordinary sRGB file, by a small network - MIT licence

   Do this:
      #define GAMUTMLP_IMPLEMENTATION
   before you include this file in *one* C or C++ file to create the implementation.
   Every other file includes it without the define. C99 or C++11, no dependency but
   the C standard library.

   A wide-gamut picture is reduced to 8-bit sRGB, which every viewer opens. A network of a few
   kilobytes, trained on that very picture, travels in the metadata of its JPEG, PNG or KTX2 file. With it
   the file gives back the colours that the reduction clipped. The pixels of files are read and
   written by your own library for them: this one only puts the network in and takes it out.

   There, from a 16-bit original to a PNG file with its network:
      gmlp_image wide = { pixels16, width, height, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0 };
      gmlp_image base = { pixels8,  width, height, 0, GMLP_U8,  3, GMLP_SRGB, 0 };
      uint8_t blob[4096];                                   // HDR: 5120
      size_t blob_size, png_size;
      const uint8_t *png;
      gmlp_net net;
      gmlp_reduce(&wide, &base, NULL, NULL);                // fills pixels8
      gmlp_train(&base, &wide, NULL, &net, NULL);           // a quarter of a second
      gmlp_blob_write(&net, blob, sizeof blob, &blob_size); // the network as bytes
      gmlp_net_free(&net);
      png = your_png_writer(pixels8, &png_size);
      gmlp_png_embed(png, png_size, blob, blob_size, NULL, &writer, NULL);  // your callback writes the file

   Back, from the bytes of that file alone:
      gmlp_image base = { pixels8,  width, height, 0, GMLP_U8,  3, GMLP_SRGB, 0 };
      gmlp_image wide = { pixels16, width, height, 0, GMLP_U16, 3, GMLP_PROPHOTO, 0 };
      gmlp_net net;
      your_png_reader(file, file_size, pixels8);
      gmlp_open(file, file_size, NULL, &net, NULL);         // the network in the file
      if (gmlp_net_check(&net, &base) == GMLP_OK)           // are these still the pixels it was trained on?
          gmlp_decode(&net, &base, &wide, NULL);            // fills pixels16
      gmlp_net_free(&net);

   Most results are ignored here; a program checks them all, as examples/quickstart.c does. For HDR there is no
   gmlp_reduce: you bring an SDR and an HDR rendition of one picture. gmlp_train_hdr(&sdr, &hdr, NULL, &net, NULL)
   trains, the SDR one travels, and gmlp_decode gives the HDR one back.

   TABLE OF CONTENTS  (search for the marker)
      Manual             below; in it
      >>bounds           what a stranger's bytes can cost
      >>config           build switches
      >>types            results, errors, memory, threads, pictures
      >>color            spaces, curves, matrices, conversion of rows
      >>gamut            gamut reduction, out-of-gamut and saturated masks, soft clip *
      >>encoding         sinusoidal encoding
      >>mlp              the network: forward, backward, Adam
      >>methods          what a network's output means: wide gamut, HDR maps
      >>train            training on one picture, wide gamut or HDR *
      >>blob             the network as bytes; signature; coordinates
      >>decode           base picture + network -> wide gamut
      >>edits            what other programs did to the base: turned, resized, cropped
      >>device           the heavy work on another processor; gamutmlp_cuda.cu
      >>shaders          a decoder's numbers for shaders; shaders/ *
      >>jpeg             carry a blob in a JPEG file
      >>png              carry a blob in a PNG file
      >>ktx2             carry a blob in a KTX2 texture file; files of any of these kinds
      >>letnet           no blob: an estimate by one general network for all pictures
      (* gone with GMLP_DECODE_ONLY, as is what stands at the end of some others in a block of that name)
      then the implementation, the same sections in the same order, between
      >>platform         attributes, checked arithmetic, floating-point state, bytes, CPU
      >>kernels          the vector code: the implementation includes this file again for each
                         instruction set, and compiles this part alone

   MANUAL

   Words, each used in one sense only.
      base        the 8-bit picture in the file: sRGB, clipped or not (GMLP_SYCC); for HDR also Display P3 or Rec. 709
      original    the wide-gamut or HDR picture that the network is trained to give back; *wide space*: its colour space
      linear      in proportion to light; 1.0 is the white of the colour space (>>color)
      OG          out of gamut, a pixel of the original that sRGB cannot hold: in linear sRGB some channel is outside
                  [0,1]. Not counted: all three below 0, or all three above 1: too dark or too bright, not too vivid
      saturated   a pixel of the base that clipping may have changed: some code is within the *clip margin* of 0 or of
                  255. Not counted: pure black and white. Decoders go by this; they cannot tell which pixels were OG
      net         a trained network with all that decoding needs besides the base's pixels: gmlp_net
      blob        a net as bytes
      carrier     a place for a blob in a file: a comment, a text, a chunk, an application segment
      features    the sines and cosines that a network's inputs are turned into (>>encoding)
      window      a square of base pixels around a pixel; the network gets their mean as well as the pixel
      halo        how many pixels to every side of a pixel its network reads: the largest window's radius
      signal      HDR, a number in 0..1: the PQ code (SMPTE ST 2084) of light / signal_max

   Errors. Functions that can fail return a gmlp_result; 0 is success. Parameters called opts, report, err or alloc may
   be NULL, and so may the pointers that a function's text says it of. For any other NULL the result is GMLP_E_ARGUMENT;
   functions without a gmlp_result do not look. A function that fills a net or a pointer overwrites what is there
   without freeing it, and sets it to zero or NULL on failure. No memory stays allocated after a failure.

   Memory. Functions that allocate take a gmlp_alloc, or use GMLP_MALLOC and GMLP_FREE if it is NULL or zero. A net and
   a decoder keep a copy of it for as long as they live. Its hooks run on the thread that called the library, never in a
   job of gmlp_threads. If several threads call the library with one allocator, it has to be safe for that.

   Threads. There is no global state. Any calls may run at the same time, as long as none of them writes a picture, a
   net or other object that another one uses. A decoder is not written by decoding: threads may share it. Where there is
   a gmlp_threads hook, work is spread through it; without, all of it stays on the calling thread. Writers and
   progress callbacks always run on the calling thread.

   Determinism. With one version of this file, equal input, options and seed give equal bytes, whatever the instruction
   set, the number of threads, the caller's rounding mode and its denormal flags. A picture decoded in parts has the
   bytes of one decoded at once. This needs IEEE 754 arithmetic in the declared precision. Under -ffast-math (from gcc
   12 on its parts, too), /fp:fast or x87 arithmetic the implementation does not compile, unless GMLP_ALLOW_FAST_MATH
   gives the promise up.

   >>bounds  Untrusted input. The bytes of files and blobs may come from anyone. They can make colours wrong; they
   cannot cause a crash, a hang, or more than this. Memory is what is held at a time; time is in proportion to the n
   bytes of a file or blob, on one core of a server of 2023 for the worst bytes known:
                                                        memory                   time
      gmlp_open, gmlp_extract, gmlp_carriers_present    28 n + 243 KiB, at       0.3 s a MB (a PNG's compressed XMP of
                                                        most 3 MiB               Huffman codes; else 0.04 s)
      gmlp_embed, gmlp_strip                            none; for a PNG's XMP    0.5 s a MB (likewise); writes at most
                                                        that is compressed       16 n bytes and the blob in its
                                                        16 n, at most 2 MiB      carriers
      gmlp_blob_info                                    none                     5 ms a MB
      gmlp_blob_read                                    243 KiB                  10 ms
      gmlp_letnet_read                                  465 KiB                  10 ms
      gmlp_net_check                                    none                     that of reading the base
      gmlp_find_edit                                    25 MiB                   0.1 s, and that of reading the base
      gmlp_decoder_create                               18 MiB (gmlp_decoder_size says how much; it goes with the
                                                        columns that a blob claims)
      gmlp_decoder_rows                                 0.4 MB (gmlp_decoder_scratch_size); gmlp_decode that a job
                                                                                 0.3 us a pixel, GMLP_SINE 1.5
      gmlp_decode_resized                               20 MiB, and 5 MB a job   10 us a pixel, GMLP_SINE 30
      gmlp_expand                                       200 MB                   50 iterations of each tile
   How large a picture is, only decides what you allocate for its pixels: a blob claims sizes up to 65535 x 65535, and
   gmlp_blob_info tells them before. A compressed text in a PNG that grows to more than 16 times its size, or to more
   than 2 GMLP_MAX_BLOB, counts as one without a network. The fields of a net that you made yourself are checked as a
   blob's are; its weights are not. Pictures, options and hooks are yours and are trusted.

   Limits. Pictures up to 65535 x 65535; blobs up to GMLP_MAX_BLOB bytes.

   The licence is at the end of the file.
*/
#ifndef GAMUTMLP_H
#define GAMUTMLP_H

#include <stddef.h>
#include <stdint.h>

#define GMLP_VERSION_MAJOR 0
#define GMLP_VERSION_MINOR 4
#define GMLP_VERSION_PATCH 0
#define GMLP_VERSION (GMLP_VERSION_MAJOR * 10000 + GMLP_VERSION_MINOR * 100 + GMLP_VERSION_PATCH)

/* ---------------------------------------------------------------------------------------
   >>config: build switches. Define them before including; all are optional.

   GAMUTMLP_IMPLEMENTATION   compile the implementation here
   GMLP_STATIC               all functions are static: one source file has the library to itself. Best for plug-ins, as
                             two of them that export the functions may end up with one copy
   GMLP_DEF                  what stands before every public function, extern by default. For a DLL:
                             __declspec(dllexport) in the file with the implementation, __declspec(dllimport) in all
                             others
   GMLP_MALLOC, GMLP_FREE    GMLP_MALLOC(size) and GMLP_FREE(ptr), used instead of malloc and free; both or none
   GMLP_NO_SIMD              portable C only
   GMLP_NO_AVX512            leave out the AVX-512 code (a smaller program)
   GMLP_DECODE_ONLY          leave out training and embedding: >>gamut, >>train, and what else only they use, with their
                             declarations. What stays opens files, decodes and converts: two thirds of the code
   GMLP_NO_LETNET            leave out >>letnet
   GMLP_ALLOW_FAST_MATH      compile under -ffast-math, /fp:fast or x87 arithmetic all the same. Results then may differ
                             from other builds'; all other promises hold
   GMLP_HEADER_FILENAME      if this file was renamed: its new name in quotes, as a file beside it would include it.
                             Default "gamutmlp.h". (The implementation includes the file again, once for each
                             instruction set)
*/
#ifndef GMLP_DEF
#if defined(GMLP_STATIC) && defined(__GNUC__)
#define GMLP_DEF static __attribute__((unused))
#elif defined(GMLP_STATIC)
#define GMLP_DEF static
#else
#define GMLP_DEF extern
#endif
#endif

#define GMLP_MAX_SIZE 65535u           /* largest picture width and height */
#define GMLP_MAX_BLOB (1u << 20)       /* largest blob in bytes */
#define GMLP_MAX_WIDTH 128             /* largest hidden layer */
#define GMLP_MAX_FREQUENCIES 16              /* largest K of the sinusoidal encoding */

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------
   >>types: results, errors, memory, threads, pictures
*/

/* Results. Values are stable; new ones are added at the end. */
#define GMLP_RESULTS(X)                                                                                  \
    X(0, GMLP_OK, "success")                                                                             \
    X(1, GMLP_E_ARGUMENT, "an argument is missing or out of its range")                                  \
    X(2, GMLP_E_MEMORY, "out of memory")                                                                 \
    X(3, GMLP_E_CANCELLED, "cancelled by the progress callback")                                         \
    X(4, GMLP_E_BUFFER, "the output buffer is too small")                                                \
    X(5, GMLP_E_WRITE, "the write callback reported a failure")                                          \
    X(6, GMLP_E_NOT_FOUND, "the file carries no network")                                                \
    X(7, GMLP_E_FORMAT, "the bytes are not of the expected format")                                      \
    X(8, GMLP_E_TRUNCATED, "the bytes end too early")                                                    \
    X(9, GMLP_E_NEWER, "made by a newer version of the format")                                          \
    X(10, GMLP_E_CORRUPT, "a checksum does not match")                                                   \
    X(11, GMLP_E_FIELD, "a field holds a value that is not allowed")                                     \
    X(12, GMLP_E_LIMIT, "a size is beyond the limits")                                                   \
    X(13, GMLP_E_WEIGHT, "a weight is not a finite number")                                              \
    X(14, GMLP_E_MISMATCH, "the network belongs to a picture of another size")                           \
    X(15, GMLP_E_TARGET, "no network within the budget reaches the quality asked for")                   \
    X(16, GMLP_E_HALO, "base lacks pixels around out that the network reads")                    \
    X(17, GMLP_E_OTHER_PICTURE, "the network belongs to another picture, or to this one before an edit") \
    X(18, GMLP_E_BASE_VIEW, "base reaches outside the picture that the network belongs to")              \
    X(19, GMLP_E_OUT_VIEW, "out reaches outside the picture, or outside base")                           \
    X(20, GMLP_E_OLDER, "made by a version of the format from before 0.3, no longer read") \
    X(21, GMLP_E_BASE_SPACE, "the network is for codes of another colour space than base's") \
    X(22, GMLP_E_CLIPPED, "saved anew by a program that keeps only sRGB: the colours outside it are gone") \
    X(23, GMLP_E_NO_DEVICE, "there is no such device") \
    X(24, GMLP_E_DRIVER, "the device's driver is missing or older than this program needs") \
    X(25, GMLP_E_DEVICE_CODE, "this program has no code for a device of this kind") \
    X(26, GMLP_E_DEVICE_MEMORY, "the device is out of memory") \
    X(27, GMLP_E_DEVICE, "the device failed")

#define GMLP__ENUM(value, name, text) name = value,
typedef enum gmlp_result { GMLP_RESULTS(GMLP__ENUM) GMLP_RESULT_COUNT } gmlp_result;
#undef GMLP__ENUM

/* What went wrong in a parser: a result, the byte offset at which it was noticed, and a
   constant text in plain words. Optional wherever it is taken; written only on failure. */
typedef struct gmlp_error {
    gmlp_result result;
    size_t offset;
    const char *text;
} gmlp_error;

/* The result's text. Never NULL; an unknown value gives "unknown result". */
GMLP_DEF const char *gmlp_result_string(gmlp_result result);

/* GMLP_VERSION of the implementation: major * 10000 + minor * 100 + patch. Public structs change with the header's
   version, so user and implementation must be compiled from the same header:
      if (gmlp_version() != GMLP_VERSION) abort();  // the library was built from another gamutmlp.h
   A plug-in does best with GMLP_STATIC, which compiles the library into it. Do not pass the structs over the boundary
   between two modules that may have different versions. */
GMLP_DEF int gmlp_version(void);

/* Memory hooks. alloc returns size bytes, aligned to at least 8, or NULL, which becomes GMLP_E_MEMORY. free gets what
   alloc returned, never NULL, and the size that was asked for. Both are called only on the thread that called the
   library, never inside a job of gmlp_threads.
   alloc NULL: GMLP_MALLOC and GMLP_FREE, whatever free says. alloc set and free NULL: nothing is ever given back, as in
   an arena. A structure that the library returns keeps a copy of the hooks; user must live until it is freed. */
typedef struct gmlp_alloc {
    void *user;                                          /* handed to both as it is */
    void *(*alloc)(void *user, size_t size);
    void (*free)(void *user, void *ptr, size_t size);
} gmlp_alloc;

/* Threads, the caller's. parallel_for calls job(ctx, i) once for each i of 0..count-1, on any threads and in any order,
   and returns when all calls have returned. Jobs never wait, for each other or for anything else, and call no hook. The
   library may be called from a job of the caller's own, and from several threads that share one hook. parallel_for
   NULL: everything runs on the calling thread. */
typedef struct gmlp_threads {
    void *user;                                          /* handed to parallel_for as it is */
    void (*parallel_for)(void *user, void (*job)(void *ctx, size_t index), void *ctx, size_t count);
} gmlp_threads;

/* Where bytes go. write returns 0 on success; anything else stops with GMLP_E_WRITE. */
typedef struct gmlp_writer {
    void *user;
    int (*write)(void *user, const void *bytes, size_t size);
} gmlp_writer;

/* Instruction sets, for the member isa of options. All give the same bytes. One that the processor or the build lacks
   is GMLP_E_ARGUMENT. SSE41 and WASM have no fused multiply-add: curves and training cost several times what AVX2
   takes. */
typedef enum gmlp_isa {
    GMLP_ISA_AUTO = 0,   /* the best that there is */
    GMLP_ISA_SCALAR = 1, /* C alone; not in builds that have WASM */
    GMLP_ISA_AVX2 = 2,   /* needs AVX2 and FMA */
    GMLP_ISA_AVX512 = 3, /* needs AVX-512 F and BW, AVX2 and FMA */
    GMLP_ISA_NEON = 4,   /* 64-bit ARM */
    GMLP_ISA_SSE41 = 5,  /* x86 without AVX2, 32-bit builds included (those with SSE2 at least) */
    GMLP_ISA_WASM = 6    /* WebAssembly built with -msimd128; no choice while running */
} gmlp_isa;
GMLP_DEF int gmlp_isa_available(int isa);      /* 1 or 0; AUTO is always available */
GMLP_DEF const char *gmlp_isa_name(int isa);   /* "avx512"; AUTO gives the name of the choice */

/* How pixels lie in memory. Integers are full range: 0 and the largest code stand for 0 and 1, for what a space's curve
   gives, of PQ and HLG too. Halves and floats hold that value itself. Samples are in the machine's byte order, at any
   address.
   The first four are types of samples. The last four are whole pixels of 4 bytes. BGRA8: bytes B, G, R, A. The others
   are a 32-bit word, R in the lowest bits: as DXGI_FORMAT_R10G10B10A2_UNORM, R11G11B10_FLOAT and R9G9B9E5_SHAREDEXP,
   in Vulkan VK_FORMAT_A2B10G10R10_UNORM_PACK32, B10G11R11_UFLOAT_PACK32 and E5B9G9R9_UFLOAT_PACK32. The two float ones
   hold nothing below 0: it becomes 0, as does NaN; what is beyond their largest number becomes that. */
typedef enum gmlp_type {
    GMLP_U8 = 1,
    GMLP_U16 = 2,
    GMLP_F16 = 3,         /* IEEE 754 half precision */
    GMLP_F32 = 4,
    GMLP_BGRA8 = 5,
    GMLP_RGB10A2 = 6,
    GMLP_R11G11B10F = 7,  /* largest 65024, of blue 64512 */
    GMLP_RGB9E5 = 8       /* largest 65408; three mantissas share an exponent */
} gmlp_type;

/* Bytes of an interleaved or packed pixel. channels as in gmlp_image; 1: bytes of a sample, as planes have them. 0 for
   what does not exist. */
GMLP_DEF size_t gmlp_pixel_size(int type, int channels);

/* Colour spaces: primaries, white point and the curve between code and light. NONE is only allowed where a function
   says what it stands for. The numbers of this enum are stored in blobs and never change. Spaces with _LINEAR are the
   same without the curve; ACES2065_1 and ACESCG have none anyway. */
typedef enum gmlp_space {
    GMLP_SPACE_NONE = 0,
    GMLP_SRGB = 1,          /* IEC 61966-2-1 */
    GMLP_P3 = 2,            /* Display P3: SMPTE RP 431-2 primaries, D65, sRGB curve */
    GMLP_ADOBERGB = 3,      /* Adobe RGB (1998) */
    GMLP_PROPHOTO = 4,      /* ROMM RGB, ISO 22028-2, D50, with its linear toe */
    GMLP_REC2020 = 5,       /* ITU-R BT.2020 with its own curve, from camera light to code, not that of a display */
    GMLP_REC2020_PQ = 6,    /* BT.2020 primaries, SMPTE ST 2084: code 1 is 10000 cd/m2 */
    GMLP_REC2020_HLG = 7,   /* BT.2020 primaries, ARIB STD-B67, as the light of a display whose code 1 is 1000 cd/m2 */
    GMLP_ACES2065_1 = 8,    /* AP0 */
    GMLP_ACESCG = 9,        /* AP1 */
    GMLP_REC709 = 10,       /* ITU-R BT.709 primaries, ITU-R BT.1886 with black at 0: a pure 2.4 */
    GMLP_SYCC = 11,         /* sYCC, IEC 61966-2-1 Amendment 1: below. Only for GMLP_U8 */
    GMLP_LINEAR = 64,       /* what is added to 1..5 */
    GMLP_SRGB_LINEAR = 65,
    GMLP_P3_LINEAR = 66,
    GMLP_ADOBERGB_LINEAR = 67,
    GMLP_PROPHOTO_LINEAR = 68,
    GMLP_REC2020_LINEAR = 69
} gmlp_space;
/* sYCC is what a JPEG of an sRGB picture stores: codes Y', Cb, Cr in the place of red, green, blue. With y = Y' / 255,
   b = (Cb - 128) / 255, r = (Cr - 128) / 255 they stand for (JFIF's matrix, that of ITU-R BT.601)
      R' = y + 1.402 r     G' = y - 0.114 1.772 / 0.587 b - 0.299 1.402 / 0.587 r     B' = y + 1.772 b
   which may lie outside 0..1: then it is a colour outside the sRGB gamut, by the sRGB curve continued above 1 and odd
   below 0. What shows a JPEG clips R', G' and B' after this matrix, and so shows the same as of a clipped picture; what
   reads Y'CbCr (libjpeg: JCS_YCbCr) has the colours. Not all colours have codes: of one that has none, the nearest is
   written on the straight line of R'G'B' to its clipped colour. All of that line clip to the same. */

/* A view of pixels in the caller's memory, which it does not own. Functions say which views they write, and of what
   types and spaces views may be. */
typedef struct gmlp_image {
    void *data;             /* the first row's first pixel; of planes, the first (red) plane's first sample */
    uint32_t width, height; /* 1..65535 */
    ptrdiff_t stride;       /* bytes from a row to the next; 0: rows follow each other without a gap. Negative: the
                               first row is the last in memory; data still points to the first */
    int type;               /* gmlp_type */
    int channels;           /* of sample types 3, or 4 with alpha; 0: 3. Of a packed type its own number, or 0 */
    int space;              /* gmlp_space */
    ptrdiff_t plane_stride; /* 0: interleaved or packed. Else, for sample types: bytes from a channel's plane to the
                               next one's, in the order R, G, B, A; may be negative. stride is then from row to row in
                               a plane, 0: width samples. Planes must not overlap, but may take turns row by row */
} gmlp_image;

/* Alpha of pixels that are written, for the member alpha of options; only looked at where they have a fourth channel.
   Alpha is straight (colours are not multiplied by it), has no curve and lies within [0,1]. */
typedef enum gmlp_alpha {
    GMLP_ALPHA_SOURCE = 0,  /* that of the source, rounded to the nearest code; opaque where the source has none */
    GMLP_ALPHA_OPAQUE = 1,  /* the largest code, or 1.0 */
    GMLP_ALPHA_KEEP = 2     /* what is in memory stays, bit for bit; memory is read */
} gmlp_alpha;

/* Primaries and white point of a display, CIE 1931 x and y, -10..10, the white's y above 0.001. They span a triangle,
   the white inside or outside, but not on an edge. */
typedef struct gmlp_primaries {
    double red[2], green[2], blue[2], white[2];
} gmlp_primaries;

/* ---------------------------------------------------------------------------------------
   >>color: spaces, curves, matrices, conversion of rows

   "Linear" is light in parts of white: 1.0 is the brightest white of a space that is not HDR, and in the HDR spaces the
   white of paper or of a user interface ("diffuse white"), 203 cd/m2 (ITU-R BT.2408) unless white_nits says
   otherwise. Highlights lie above 1. scRGB has 1.0 at 80 cd/m2 instead: write SRGB_LINEAR with scale white_nits / 80.
*/

/* How colours are carried from one white point to another. */
typedef enum gmlp_adaptation {
    GMLP_BRADFORD = 0, /* the linear Bradford transform of ICC profiles */
    GMLP_CAT02 = 1     /* that of CIECAM02 */
} gmlp_adaptation;

/* A space's name, a constant such as "prophoto" or "p3-linear"; NULL for an unknown value. */
GMLP_DEF const char *gmlp_space_name(int space);
/* The space of such a name; GMLP_SPACE_NONE for an unknown one or NULL. */
GMLP_DEF int gmlp_space_from_name(const char *name);
/* 1: codes of the space are light itself; 0: there is a curve, or no such space. */
GMLP_DEF int gmlp_space_is_linear(int space);

/* m: the 3x3 matrix, row by row, from linear RGB of one space to that of another. From the published primaries and
   white points, in double; white becomes white, by the transform that adaptation (gmlp_adaptation) names.
   GMLP_E_ARGUMENT for an unknown space or adaptation. */
GMLP_DEF gmlp_result gmlp_space_matrix(int from, int to, int adaptation, double m[9]);

/* m: from linear RGB to CIE XYZ, where white, which stays the space's own, has Y = 1. GMLP_E_ARGUMENT for an unknown
   space. */
GMLP_DEF gmlp_result gmlp_space_to_xyz(int space, double m[9]);
/* CIE 1931 x and y of the white point. GMLP_E_ARGUMENT for an unknown space. */
GMLP_DEF gmlp_result gmlp_space_white(int space, double xy[2]);

/* One channel: code value to linear light and back, in double, to about 1e-14. Below 0 the result is that of the
   positive number with a minus. Above 1 the formulas go on, but decoding PQ gives its 10000 cd/m2. Infinity and NaN
   come back as they are. A linear or unknown space gives the argument. white_nits matters to PQ alone: the cd/m2 of
   linear 1, above 0; 0: 203. For HLG this is the curve of BT.2100 between code and light of the scene, both 0..1;
   gmlp_convert adds what a display does, which needs all three channels. */
GMLP_DEF double gmlp_curve_decode(int space, double code, double white_nits);
GMLP_DEF double gmlp_curve_encode(int space, double linear, double white_nits);

/* Options of conversions; all zero, or NULL where a pointer to them is taken, is the default. */
typedef struct gmlp_convert_opts {
    int adaptation;          /* gmlp_adaptation */
    double white_nits;       /* cd/m2 of linear 1 in PQ and HLG, above 0 and up to 10000; 0: 203 */
    int round_down;          /* not 0: colours of integer types become the code at or below them, where above 8 bits a
                                32nd of a code counts as nothing, so that codes survive; 0: the nearest code */
    int alpha;               /* gmlp_alpha */
    double scale;            /* light is multiplied by it, above 0 and up to 1e9; 0: 1 */
    int clamp_negative;      /* not 0: F16 and F32 get 0 for light below 0, and for NaN */
    const gmlp_primaries *primaries; /* what is written has these and its space's curve; not with HLG. Only read during
                                        the call. NULL: the space's own */
    int isa;                 /* gmlp_isa */
    gmlp_threads threads;    /* for gmlp_convert */
    gmlp_alloc alloc;
} gmlp_convert_opts;

/* Converts src into dst, of the same size: any types, spaces and layouts. Colours of integer types are clamped to
   [0,1]. F16 and F32 keep what lies outside, and infinity; every NaN becomes 0x7e00 or 0x7fc00000. (Signalling NaNs,
   which no arithmetic gives: on ARM or POWER they may count as some number within the range.) Curves are within
   2e-6 of the exact ones, relatively (PQ and HLG: for codes above 1e-5); 8-bit codes are those that the exact curve
   gives for the light. dst is written. The two may be the same pixels if data, type, channels and strides are equal;
   they may not overlap otherwise. Allocates one block, of at most 64 KB, for the call. GMLP_E_ARGUMENT for views or
   options out of range, GMLP_E_LIMIT for sizes, GMLP_E_MEMORY. */
GMLP_DEF gmlp_result gmlp_convert(const gmlp_image *src, const gmlp_image *dst, const gmlp_convert_opts *opts);

/* The same for many pictures or parts of one, with tables made once. */
typedef struct gmlp_converter gmlp_converter;

/* Makes a converter, in one block from opts->alloc, which belongs to the caller until gmlp_converter_free. On failure
   *converter is NULL. GMLP_E_ARGUMENT for unknown types or spaces and options out of range, GMLP_E_MEMORY. */
GMLP_DEF gmlp_result gmlp_converter_create(int from_type, int from_space, int to_type, int to_space,
                                           const gmlp_convert_opts *opts, gmlp_converter **converter);
/* As gmlp_convert, on the calling thread. The views are of the converter's types; any channels and layout; their space
   is not looked at. Allocates nothing, takes at most 12 KB of stack. Several threads may use one converter at once. */
GMLP_DEF gmlp_result gmlp_converter_rows(const gmlp_converter *converter, const gmlp_image *src,
                                         const gmlp_image *dst);
/* NULL is allowed. No other thread may be using it. */
GMLP_DEF void gmlp_converter_free(gmlp_converter *converter);

/* IEEE 754 half precision, rounding to nearest even; NaN stays NaN, overflow gives infinity. */
GMLP_DEF uint16_t gmlp_half_from_float(float v);
GMLP_DEF float gmlp_half_to_float(uint16_t v);

#ifndef GMLP_DECODE_ONLY
/* ---------------------------------------------------------------------------------------
   >>gamut: gamut reduction, out-of-gamut and saturated masks, soft clip

   Source: Le, Price, Cohen, Brown, "GamutMLP: A Lightweight MLP for Color Loss Recovery", CVPR 2023, equations 1 and 2,
   and the mask of its published code.

   Functions that take a picture clamp its linear light to [0,1] first, in its own space: what is above 1.0 is lost, NaN
   becomes 0. For pictures with light above white there is gmlp_train_hdr. opts are those of gmlp_convert.
*/

/* Counts over a picture. */
typedef struct gmlp_gamut_report {
    uint64_t pixels;         /* all */
    uint64_t out_of_gamut;   /* OG pixels of the original */
    uint64_t saturated;      /* saturated pixels of the base at clip margin 0: with a code of 0 or 255 itself */
    uint64_t clamped;        /* pixels of the original with a channel outside [0,1], or NaN, before they were clamped */
} gmlp_gamut_report;

/* Writes base: wide in linear sRGB, clipped to [0,1], as sRGB codes (the paper's equation 1); or not clipped, as sYCC
   codes, for a JPEG. base: GMLP_U8, GMLP_SRGB or GMLP_SYCC, wide's size, interleaved, other memory than wide's. On
   failure base is as it was and report, if given, all 0. opts may be NULL; neither scale nor primaries. */
GMLP_DEF gmlp_result gmlp_reduce(const gmlp_image *wide, const gmlp_image *base,
                                 const gmlp_convert_opts *opts, gmlp_gamut_report *report);

/* Writes width * height bytes to mask, row after row: 1 for an OG pixel of wide, else 0. Up to 1e-6 outside [0,1] still
   counts as inside: rounding alone can move white so far. On failure mask is as it was. */
GMLP_DEF gmlp_result gmlp_out_of_gamut_mask(const gmlp_image *wide, uint8_t *mask, const gmlp_convert_opts *opts);

/* 1 if this pixel of an RGB base is saturated with this clip margin, else 0. */
GMLP_DEF int gmlp_is_saturated(const uint8_t rgb[3], int margin);

/* The paper's soft clip, an alternative to clipping that needs no network but changes the sRGB picture. In each channel
   of linear sRGB, values from 0.9 up to the picture's largest are squeezed into 0.9..1, and those from the smallest up
   to 0.05 into 0..0.05. A side on which the picture stays within [0,1] is left alone. To undo it, keep the extremes. */
typedef struct gmlp_soft_clip {
    float low[3], high[3];   /* smallest and largest value of each channel, linear sRGB */
} gmlp_soft_clip;
/* Finds the extremes of a picture. On failure out is as it was. */
GMLP_DEF gmlp_result gmlp_soft_clip_measure(const gmlp_image *wide, gmlp_soft_clip *out, const gmlp_convert_opts *opts);
/* One value of a channel, 0..2, there and back. */
GMLP_DEF float gmlp_soft_clip_apply(const gmlp_soft_clip *s, int channel, float v);
GMLP_DEF float gmlp_soft_clip_undo(const gmlp_soft_clip *s, int channel, float v);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>encoding: sinusoidal encoding (GamutMLP, equation 4)

   A network has up to eleven inputs for a pixel, in this order:
      0      row          from -1 in the picture's first row to 1 in its last
      1      column       likewise
      2..4   red, green, blue of the pixel (gmlp_inputs says in what form)
      5..7   the mean red, green, blue of the first window around it, in the same form
      8..10  those of the second window
   (The paper has the first five.) Input m with K *frequencies* becomes 2 K features: sin(pi m), cos(pi m), sin(2 pi m),
   cos(2 pi m), ... sin(2^(K-1) pi m), cos(2^(K-1) pi m). An input with K = 0 is left out. Decoding clamps inputs to
   [-4,4] first.
*/
#define GMLP_INPUTS 11

#ifndef GMLP_DECODE_ONLY
/* Writes the features of n pixels from their inputs[n][GMLP_INPUTS]: for each pixel those of input 0, then of input 1,
   and so on, 2 * the sum of frequencies in all, with no gap between pixels. frequencies: 0..16 each, one at least above
   0. Absolute error below 1e-6 for inputs in [-1,1]. isa: gmlp_isa. Allocates nothing; on failure writes nothing. */
GMLP_DEF gmlp_result gmlp_sinusoidal_encoding(const uint8_t frequencies[GMLP_INPUTS], const float *inputs, size_t n,
                                              float *features, int isa);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>mlp: the network: forward, backward, Adam

   Three layers: from the features to *width* neurons, from these to as many more, from those to 3 outputs. The first
   two end in the activation, the third does not. The weights are one array of floats:
      W1[features][width], b1[width], W2[width][width], b2[width], W3[width][3], b3[3]
   W1[i][j] leads from feature i to neuron j; W2 and W3 are alike.
*/
typedef enum gmlp_activation {
    GMLP_RELU = 0,        /* max(x, 0) */
    GMLP_SINE = 1         /* sin(x); decodes in float, which is slower */
} gmlp_activation;
typedef enum gmlp_bias {
    GMLP_BIAS_ALL = 0,    /* b1, b2, b3 are trained */
    GMLP_BIAS_FIRST = 1   /* b1 alone is, b2 = b3 = 0: in the paper's code a feature that is always 1 stands for b1 */
} gmlp_bias;

/* The shape of a network. */
typedef struct gmlp_mlp {
    int activation;               /* gmlp_activation */
    int bias;                     /* gmlp_bias */
    int width;                    /* neurons in each of the two hidden layers: 8, 16, 24 ... 128 */
    uint8_t frequencies[GMLP_INPUTS];   /* of each input, 0..16; at least one above 0 */
} gmlp_mlp;

#ifndef GMLP_DECODE_ONLY
/* How many features and weights (biases included) a network has; 0 if its shape is not allowed. NULL is fine. */
GMLP_DEF size_t gmlp_mlp_features(const gmlp_mlp *mlp);
GMLP_DEF size_t gmlp_mlp_weights(const gmlp_mlp *mlp);

/* Writes starting weights (Xavier): random from seed, uniform within +-sqrt(6 / (inputs + outputs)) of their layer,
   those of the last layer times last_gain; biases 0. With GMLP_BIAS_FIRST b1 is random like W1, which then counts one
   input more. Allocates nothing; on failure writes nothing. */
GMLP_DEF gmlp_result gmlp_mlp_init(const gmlp_mlp *mlp, uint64_t seed, float last_gain, float *weights);

/* Writes outputs[n][3] from inputs[n][GMLP_INPUTS]; n may be 0. isa: gmlp_isa. alloc: for the call alone. On failure
   writes nothing. */
GMLP_DEF gmlp_result gmlp_mlp_forward(const gmlp_mlp *mlp, const float *weights, const float *inputs, size_t n,
                                      float *outputs, int isa, const gmlp_alloc *alloc);

/* Writes the mean squared error over n samples of 3 outputs (to loss, which may be NULL) and its derivative by every
   weight (to gradient, laid out as weights; 0 for b2 and b3 with GMLP_BIAS_FIRST). All else as gmlp_mlp_forward. */
GMLP_DEF gmlp_result gmlp_mlp_gradient(const gmlp_mlp *mlp, const float *weights, const float *inputs,
                                       const float *targets, size_t n, double *loss, float *gradient, int isa,
                                       const gmlp_alloc *alloc);

/* One Adam step on n weights (Kingma and Ba, 2015, algorithm 1, with bias correction). step counts from 1. m and v hold
   the moments, n floats each: the caller's, 0 before the first step. betas: 0 up to but not 1. Updates weights, m and
   v. Allocates nothing; on failure changes nothing. */
typedef struct gmlp_adam {
    double learning_rate, beta1, beta2, epsilon; /* no defaults; the paper's are 0.001, 0.9, 0.999, 1e-8 */
} gmlp_adam;
GMLP_DEF gmlp_result gmlp_adam_step(const gmlp_adam *adam, uint32_t step, const float *gradient, float *weights,
                                    float *m, float *v, size_t n, int isa);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>methods: what a network's output means

   A network has one output o for each channel. Below, b is the base's linear light in the original's primaries, and
   w the original's.

   HDR methods work on signals (see Words): s is that of b, h that of w. A *map value* m = map_mean + map_range * o
   leads from s to h; e = 1/64. GAIN, GAMMA and DIRECT are the maps of Canham, Tedla, Murdoch, Brown, "Gain-MLP:
   Improving HDR Gain Map Encoding via a Lightweight MLP", ICCV 2025.
*/
typedef enum gmlp_method {
    GMLP_METHOD_NONE = 0,       /* no pixel was OG: there is no network, decoding converts the base */
    GMLP_METHOD_RESIDUAL = 1,   /* wide gamut: w = b + o / 2 */
    GMLP_METHOD_DIFFERENCE = 2, /* HDR: h = s + m */
    GMLP_METHOD_GAIN = 3,       /* HDR: h = (s + e) m - e */
    GMLP_METHOD_GAMMA = 4,      /* HDR: h = t^m - e, t = s + e, but 1 - e at most: powers of 1 would all be 1 */
    GMLP_METHOD_DIRECT = 5      /* HDR: h = m */
} gmlp_method;

/* ---------------------------------------------------------------------------------------
   >>train: training on one picture
*/

/* The form of a network's colour inputs. */
typedef enum gmlp_inputs {
    GMLP_INPUT_CODES = 0,   /* 2 code / 255 - 1, in [-1,1] */
    GMLP_INPUT_WIDE = 1,    /* as the paper has it, without windows: 2 b - 1; HDR: (s - input_mean) / input_range.
                               Slower to decode: the other two are looked up in tables */
    GMLP_INPUT_HALF = 2     /* code / 255 - 1/2. With GMLP_INPUT_CODES no sinusoid tells code 0 from 255, as all have
                               the same value at -1 and 1; here the lowest one does */
} gmlp_inputs;

/* Windows are squares of 2 radius + 1 pixels of the base a side. Where the base was resized they keep their size in the
   picture trained on, as near as an odd number of pixels, up to 15, comes to it. */
#define GMLP_WINDOWS 2
#define GMLP_MAX_RADIUS 7

/* Which pixels a network is for; decoding converts all others as they are. */
typedef enum gmlp_mask {
    GMLP_MASK_SATURATED = 0,
    GMLP_MASK_ALL = 1
} gmlp_mask;

/* Where the pixels of the file's picture lie in the one that the network was trained on. Both count pixels from 0,
   which is the centre of the first one. The pixel in column c and row r of the file was in
      column  col + col_step * c    and  row  row + row_step * r    with transpose 0,
      column  col + col_step * r    and  row  row + row_step * c    with transpose 1.
   Training gives 0, 1, 0, 1, 0: the same picture. A program that crops, flips or turns a picture keeps its network
   alive by setting this and the net's base_width, base_height and signature; after one that does not, gmlp_find_edit
   finds them (>>edits). Numbers are within +-1e6, steps not 0. */
typedef struct gmlp_coords {
    float col, col_step, row, row_step;
    int transpose;
} gmlp_coords;

/* How a blob holds the weights. */
typedef enum gmlp_weight_format {
    GMLP_WEIGHTS_QUANTIZED = 1, /* whole multiples of a step, one step for each layer, entropy coded */
    GMLP_WEIGHTS_F32 = 2        /* as floats */
} gmlp_weight_format;

/* A trained network and all that decoding needs besides the base's pixels. Training and gmlp_blob_read fill it;
   gmlp_net_free frees it. Ranges are those of the blob (>>blob). With GMLP_METHOD_NONE the fields from inputs to
   map and input numbers, and weights, are not used. */
#define GMLP_SIGNATURE_SIZE 64
#define GMLP_MAX_SECTIONS 1024
typedef struct gmlp_net {
    int method;              /* gmlp_method */
    int wide_space;          /* gmlp_space of the original */
    int base_space;          /* gmlp_space of the base: GMLP_SRGB or GMLP_SYCC; HDR: also GMLP_P3 or GMLP_REC709 */
    int adaptation;          /* gmlp_adaptation between the two */
    int inputs;              /* gmlp_inputs */
    int mask;                /* gmlp_mask */
    int clip_margin;         /* GMLP_MASK_SATURATED: in codes, 0..63 */
    int weight_format;       /* gmlp_weight_format */
    float step_size[3];      /* GMLP_WEIGHTS_QUANTIZED: the step of each layer's weights and biases, above 0 */
    uint8_t radius[GMLP_WINDOWS]; /* of the windows, 1..GMLP_MAX_RADIUS; 0: there is no such window */
    gmlp_mlp mlp;
    float white_nits;        /* HDR: cd/m2 of linear 1.0, the white of the base */
    float signal_max;        /* HDR: the linear light whose signal is 1 */
    float content_max;       /* HDR: the linear light of the original's brightest channel, at most signal_max */
    float map_mean, map_range, input_mean, input_range; /* HDR: see >>methods and gmlp_inputs */
    uint32_t width, height;  /* of the picture that the network was trained on, in pixels */
    uint32_t base_width, base_height; /* of the picture in the file: the same, unless it was edited */
    gmlp_coords coords;
    uint8_t signature[GMLP_SIGNATURE_SIZE]; /* of the picture in the file, by which gmlp_net_check knows it */
    uint32_t section_bytes;  /* of sections in use; 0: there are none */
    uint8_t sections[GMLP_MAX_SECTIONS]; /* what more the blob says, as it has it: gmlp_net_section. Kinds that this
                                version does not know are kept, too */
    float *weights;          /* gmlp_mlp_weights(&mlp) floats from alloc, owned by the net. Quantized ones are exact
                                multiples of their step: writing and reading a blob does not change them */
    gmlp_alloc alloc;        /* a copy: its user data must live as long as the net */
} gmlp_net;

/* Frees the weights and zeroes the net. A zeroed net is fine. */
GMLP_DEF void gmlp_net_free(gmlp_net *net);

#ifndef GMLP_DECODE_ONLY
/* How much training, and how large a network. What each means in numbers stands behind gmlp_train_opts. */
typedef enum gmlp_preset {
    GMLP_PRESET_DEFAULT = 0, /* blobs of at most 4 KB, HDR 5 KB */
    GMLP_PRESET_PAPER = 1,   /* network and training of the published code; blobs of about 20 KB, HDR 9 KB */
    GMLP_PRESET_FAST = 2,    /* as DEFAULT, with an eighth of the training (HDR: a fifth) */
    GMLP_PRESET_HIGH = 3,    /* at most 10 KB */
    GMLP_PRESET_MAX = 4      /* at most 23 KB */
} gmlp_preset;

/* What moves the weights. Muon (Jordan et al., 2024) is for the matrices W1 and W2: it takes the running mean of their
   gradients, sets all singular values of that matrix to about 1, and steps along it. W3 and the biases have Adam in
   both cases. Muon is about twice as fast as Adam alone. */
typedef enum gmlp_optimizer { GMLP_ADAM = 1, GMLP_MUON = 2 } gmlp_optimizer;
/* How the learning rates go. */
typedef enum gmlp_schedule {
    GMLP_FALLING = 1,        /* five steps of warm-up; level for the first half of all steps; then in a straight line to
                                a hundredth */
    GMLP_CONSTANT = 2
} gmlp_schedule;

/* Called before each step, with the number of steps done and that of all; with target_psnr the latter is an upper
   bound. Return nonzero to cancel. */
typedef int (*gmlp_progress)(void *user, uint32_t step, uint32_t steps);

/* Zero in a field means its default; where none is named, the preset's, of the table below. */
typedef struct gmlp_train_opts {
    int preset;              /* gmlp_preset */
    int method;              /* HDR alone: GMLP_METHOD_DIFFERENCE to _DIRECT; 0: DIFFERENCE,
                                or GAMMA if preset is PAPER */
    double white_nits;       /* cd/m2 of linear 1.0 in PQ and HLG originals and, for HDR, in all, 0..10000; 0: 203
                                (ITU-R BT.2408); for HDR, if preset is PAPER: 100 */
    double signal_max;       /* HDR: the linear light whose signal is 1, 0.001..1000000; brighter light is cut to it.
                                0: 10000 / white_nits, or the original's brightest channel if that is more; if
                                preset is PAPER: 1000 / white_nits */
    int clip_margin;         /* codes, 1..63; 0: chosen from the picture. The choice is 0 for a lossless base and 5 to
                                63 for a JPEG, as compression moves clipped codes inwards; of sYCC 3. Not for PAPER and
                                HDR */
    int adaptation;          /* gmlp_adaptation: the one that base was made with, by gmlp_reduce or another program. If
                                it is another one, colours that were in gamut come back slightly shifted */
    uint64_t seed;           /* of the starting weights and the samples' order; any number, 0 is one as well */
    uint32_t iterations;     /* steps of training, 1 or more */
    uint32_t batch;          /* samples a step, 1..1048576 */
    int width;               /* neurons in each hidden layer, 8, 16, 24 ... 128. 0: with a budget the widest whose
                                weights get 3.6 bits each of it, else the preset's */
    uint8_t frequencies[GMLP_INPUTS]; /* of the inputs, 0..16; all 0: the preset's */
    uint8_t radius[GMLP_WINDOWS]; /* in pixels, 1..7, of windows whose inputs have frequencies. PAPER has none */
    int activation;          /* gmlp_activation; 0: GMLP_RELU */
    uint32_t budget;         /* bytes that the blob has at most, 512..65536. Not with PAPER */
    double target_psnr;      /* dB. Not 0: finds the smallest blob, within the budget (0: 32768 bytes), that gives the
                                OG pixels back so well (linear light, peak 1). Trains several networks of chosen widths,
                                for blobs down to 1 KB, each a fifth smaller than the one before. Not with PAPER, not
                                for HDR */
    int optimizer;           /* gmlp_optimizer */
    int schedule;            /* gmlp_schedule */
    double learning_rate;    /* Adam's, below 1000; 0: see the table */
    double muon_learning_rate; /* Muon's: the singular values of what a step adds to W1 or W2; below 1000 */
    double beta2;            /* Adam's: how slowly the mean of squared gradients forgets, below 1. (beta1 is 0.9,
                                epsilon 1e-8, Muon's momentum 0.9) */
    const gmlp_net *start;   /* take its weights as the starting ones: a net of the same method, inputs, mlp and radii.
                                Read during the call only. Not with target_psnr. NULL: random ones; for HDR with PAPER,
                                GAMMA and that preset's shape those that come with the library */
    int isa;                 /* gmlp_isa; 0: the best there is */
    const struct gmlp_device *device; /* does the work where it can: not with target_psnr, nor GMLP_SINE. Weights are
                                then not those of the processor, but as good. GMLP_E_DEVICE_MEMORY if the network
                                is too wide for it. NULL: none */
    gmlp_threads threads;    /* 0: none */
    gmlp_alloc alloc;        /* of the net and of all that training needs; 0: GMLP_MALLOC */
    gmlp_progress progress;  /* NULL: none */
    void *progress_user;     /* what progress gets */
} gmlp_train_opts;

/* The presets. Where there are two numbers, the second is for HDR.

                    DEFAULT           FAST            HIGH           MAX            PAPER
      iterations    1000* | 1500      250 | 300       2000 | 2500    2800 | 4000    9000 | 1000
      batch         2048* | 1024      1024            2048           2048 | 1024    65536
      width         32 | 48           32 | 48         96 | 80        128            32 | 16
      budget        4096 | 5120       4096 | 5120     10240          23552          none: weights as floats
      frequencies
        row, column 9 | 8             8               9              9              12
        colours     4                 4               4              4              12
        means       3                 3               3              3              none
      radii         1, 3 | 1, 5       1, 3 | 1, 5     1, 3 | 1, 5    1, 3 | 1, 5    none
      pixels        saturated | all   the same        the same       the same       all
      inputs        CODES | HALF      the same        the same       the same       WIDE
      biases        all               all             all            all            first | all
      optimizer     MUON              MUON            MUON           MUON           ADAM
      schedule      FALLING           FALLING         FALLING        FALLING        CONSTANT
      learning_rate 0.005; wider than 64: 0.002; optimizer ADAM: 0.01               0.005 | 0.01
      muon_learning_rate  0.023 | 0.03
      beta2         0.97              0.97            0.97           0.97           0.999

   * Twice as many of each if the clip margin is not 0, which is so for most JPEG bases. */

typedef struct gmlp_train_report {
    uint64_t out_of_gamut;   /* OG pixels: of the whole picture with PAPER or target_psnr, else of the samples; but 0
                                only if the picture has none. HDR: 0 */
    uint64_t saturated;      /* pixels that the network is for */
    uint64_t samples;        /* pixels that were kept to draw from */
    uint32_t iterations;     /* steps done, with target_psnr those of all networks */
    double loss;             /* mean squared error of the outputs in the last step's batch */
    double psnr_og;          /* with target_psnr: dB of the OG pixels, computed on the samples with the blob's weights;
                                decoding gives the same within 0.01. Else 0 */
} gmlp_train_report;

/* Trains a network that gives wide back from base. base: GMLP_U8, GMLP_SRGB or GMLP_SYCC, the pixels as the decoder
   will see them: those of a JPEG must be the decoded ones. wide: the original, any type and space but GMLP_SYCC, of
   base's size; light is clamped to [0,1]. Both are only read; a fourth channel is not looked at.

   Up to 1048576 of the pixels that the network is for are kept as samples, at 44 bytes each (PAPER: every fifth OG
   pixel and every fiftieth other one, in a picture of any size). If the network is for saturated pixels, the errors of
   those that were not OG count a quarter. Of a base of sYCC one sample in 64 shows the pixel as a program leaves it
   that saves the picture anew and keeps only sRGB (GMLP_E_CLIPPED).

   On success net, which is overwritten without being freed, owns its weights: gmlp_net_free. If no pixel of wide is OG,
   nothing is trained, and the net's method is GMLP_METHOD_NONE. On failure net is zeroed, and report holds what was
   known by then:
      GMLP_E_ARGUMENT    views or options are not as above, or the width does not fit into the budget
      GMLP_E_TARGET      no blob within the budget reaches target_psnr; report->psnr_og: how far the largest came
      GMLP_E_WEIGHT      a weight became NaN or larger than 65504: the learning rates are too high
      GMLP_E_CANCELLED   progress returned nonzero
      GMLP_E_MEMORY */
GMLP_DEF gmlp_result gmlp_train(const gmlp_image *base, const gmlp_image *wide, const gmlp_train_opts *opts,
                                gmlp_net *net, gmlp_train_report *report);

/* Trains a network that gives an HDR rendition back from an SDR one; all as gmlp_train, but for this. base may also be
   GMLP_P3 or GMLP_REC709. hdr: any type and space, the same size; its linear 1.0 is the base's white. Light below 0 and
   NaN count as 0, light above signal_max as signal_max. The network is for all pixels. */
GMLP_DEF gmlp_result gmlp_train_hdr(const gmlp_image *base, const gmlp_image *hdr, const gmlp_train_opts *opts,
                                    gmlp_net *net, gmlp_train_report *report);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>blob: the network as bytes; signature; coordinates

   Layout of a blob, version 3 or 4. Little-endian; float is IEEE 754 single.

      offset  bytes
           0      4  "GMLP"
           4      1  version: 3, or 4 for a network with sections
           5      1  method: gmlp_method
           6      1  space of the original: gmlp_space
           7      1  space of the base: 1, sRGB, or 11, sYCC; HDR: also 2, P3, and 10, Rec. 709
           8      1  adaptation: gmlp_adaptation
           9      1  transpose, 0 or 1
          10      2  width of the picture trained on, 1..65535
          12      2  height
          14      2  width of the base in the file, 1..65535
          16      2  height
          18      4  col       four floats, within +-1000000, steps not 0
          22      4  col_step
          26      4  row
          30      4  row_step
      GMLP_METHOD_NONE ends here with its checksum (38 bytes). The others go on:
          34      1  inputs: gmlp_inputs
          35      1  mask: gmlp_mask
          36      1  margin, 0..63
          37      1  weight format: gmlp_weight_format
          38      1  activation: gmlp_activation
          39      1  bias: gmlp_bias
          40      1  width of the hidden layers: 8, 16, 24 ... 128
          41     11  frequencies of the eleven inputs, 0..16, not all 0
          52      2  radii of the two windows, 0..7; with 0 the window's frequencies are 0, with GMLP_INPUT_WIDE both
          54     64  signature of the base
      HDR methods have here
         118     28  white_nits, signal_max, content_max, map_mean, map_range, input_mean, input_range: floats;
                     white_nits above 0 and up to 10000, signal_max above 1e-6 and up to 1e9, content_max above 0 and
                     up to signal_max; the others within +-1e6, ranges not 0
      version 4 goes on with
                  2  bytes of all sections together, 2..1024
                     the sections: each a byte with its kind, a byte with the number n of its bytes, and these n. Kinds
                     rise from section to section; a reader passes over those that it does not know
      and all end with
                     weights
                  4  CRC-32 (as in PNG and zlib) of all bytes before it

   Every version starts with "GMLP" and a version byte and ends with the CRC, which no byte may follow. Every release
   from 0.3 on reads version 3 and decodes it by the same whole numbers; the last bits of matrices and curves may
   change. Later versions are GMLP_E_NEWER to a reader, 1 and 2 GMLP_E_OLDER. Version 4 came with 0.4. Decoding needs no
   section; those that there are:
      GMLP_SECTION_OUTSIDE, 32 bytes: how much of a base of sYCC lies outside sRGB, in each cell of its signature; the
         cells' numbers k, 0..15, in their order, the first in a byte's lower half. 0: nothing; else at least
         2^(k - 16) of the cell's runs are far outside (below)

   The weights come in the order of gmlp_mlp's array; with GMLP_BIAS_FIRST without b2 and b3. None is beyond 65504.
   GMLP_WEIGHTS_F32: floats. GMLP_WEIGHTS_QUANTIZED: the step sizes of the three layers, floats above 1e-30 and up to
   65504, then bytes of an arithmetic coder, from which number() takes a q of at most 32767 either way for each weight:
   weight = q * its layer's step, rounded to float. (x ? a : b, >>, << and | as in C; 32 bits, products 64.)

      low = 0; high = 2^32 - 1; value = the first four bytes, the first one uppermost
      bit(model):                            a model is p = 32768 and n = 0 at first; without one p is 32768
         middle = low + ((high - low) * min(max(p, 64), 65472) >> 16)
         b = value <= middle ? 1 : 0
         b ? (high = middle) : (low = middle + 1)
         p += ((b ? 65535 : 0) - p) * 2 / (2 n + 3), the quotient cut towards 0; n = min(n + 1, 127)
         while low >> 24 == high >> 24:  low = low << 8; high = high << 8 | 255; value = value << 8 | next byte, or 0
         return b
      number():                              models, new for each of the three layers: ones[15], upper[16], lower[16][2]
         k = 0; while k < 15 and bit(ones[k]):  k += 1
         v = 1
         if k > 0:  v = 2 v + bit(upper[k])
         if k > 1:  v = 2 v + bit(lower[k][v & 1])
         k - 2 times, if k > 2:  v = 2 v + bit()
         return v == 1 ? 0 : bit() ? 1 - v : v - 1
      After the last weight the uppermost byte of value is the last one before the CRC. A writer knows b instead of
      value; where bytes are shifted out it writes high >> 24, and at the end, once more, high >> 24.

   A decoder. This and the layout are enough to write one, such as a compute shader. "float": each operation is rounded
   to single precision, fma(a, b, c) = a b + c once. All else is double, sums run in the order of their indices, and
   then the network's outputs o are the library's to the bit. In other precision, or with another sine, some of the
   whole numbers below change by one: trained networks then give light that is 2e-5 of white off at most (measured with
   an exact sine). Colours (matrices, curves) have no bits to keep: the library's floats are within 2e-6.

   Pixel (x, y) of the file, with codes c[0..2]:
      v = linear light of c / 255 by base_space's curve (NONE: sRGB), by gmlp_space_matrix in wide_space's primaries
         sYCC (NONE: too): of R', G', B' by the sRGB curve
      method NONE, or mask SATURATED and gmlp_is_saturated(c, margin) is 0:  the pixel is v. Else:
         sYCC: saturated if min(R', G', B') <= (margin + 1/2) / 255 or max(R', G', B') >= 1 - (margin + 1/2) / 255, but
         not if max(R', G', B') <= 1/510 or min(R', G', B') >= 509/510
      map_mean = 0, map_range = input_mean = input_range = 1/2 with RESIDUAL, else the blob's;  e = 1/64
      s = RESIDUAL ? v : PQ(min(max(v, 0), signal_max) / signal_max)           PQ(t): ST 2084's code of 10000 t cd/m2
   Inputs m, each rounded to float and then held within -4..4:
      m[0] = at(row + row_step * (transpose ? x : y), height);  m[1] = at(col + col_step * (transpose ? y : x), width)
         at(i, n) = n > 1 ? 2 i / (n - 1) - 1 : -1            width and height: of the picture trained on
      m[2..4] = code(c), or with GMLP_INPUT_WIDE (s - input_mean) / input_range in float
         code(q) = CODES ? 2 (q / 255) - 1 : q / 255 - 1/2    CODES: GMLP_INPUT_CODES
      m[5..7], m[8..10] = code(mean of each channel over the columns x - r .. x + r and rows y - r .. y + r of the base,
         to the nearest whole number); a column or row beyond the picture is its outermost one. Of the first and the
         second radius, R, r is what is left at the file's size: the greatest of 0..7 with 4 r^2 s <= (2 R + 1)^2 in
         float, s being the product of the coordinates' two steps, without its sign; 0 if R is 0
   Features, in float, for k below the input's frequencies: sine(fma(2^k, m, 0)), sine(fma(2^k, m, 1/2)), in this order
      sine(a) = sin(pi a):  n = a to the nearest whole number, halves to the even one;  r = a - n;  t = r r
         q = fma(fma(fma(fma(0.077220127, t, -0.59804517), t, 2.55003142), t, -5.16770697), t, 3.1415925) r
         return n odd ? -q : q
      part(i, m, z)[j]:  p = z[j];  for each feature f of input i at m, in turn, w being its row of W1:
         p = fma(f, w[j], p)
   The network, with W3 = W3 * map_range in float and b3 = b3 * map_range + map_mean in double, rounded to float:
      GMLP_SINE, GMLP_INPUT_WIDE, or rounding errors too large (below): in float, every sum by fma from its bias on
         z1 = b1 + all features W1;  z2 = b2 + a(z1) W2;  o = b3 + a(z2) W3
         a(z) = max(z, 0), or with GMLP_SINE sine(z * 0.318309886, held within -1048576..1048576)
      else in whole numbers; those in capitals are made once for a blob, see below. h1, Q2 and Q3 have 16 bits, sums 32:
         I = radius[1] ? 11 : radius[0] ? 8 : 5;  p = version 3 and transpose ? 1 : 0
         h1[j] = max(0, N(p, b1) + N(1 - p, 0) + N(2, 0) + N(3, 0) + ... N(I - 1, 0))
            N(i, z) = near(part(i, m[i], z)[j] * G1[j], 32767)
         h2[j] = max(0, (B2[j] + sum over k of Q2[k][j] * h1[k]) >> 16)          >> rounds down
         o[c] = fma(t, S[c], b3[c]) in float, t = sum over k of Q3[k][c] * h2[k], rounded to float
   The pixel is then
      RESIDUAL:  min(max(v + o, 0), 1)
      HDR:       v' = signal_max * inverse PQ(min(max(h, 0), 1)), linear 1.0 being white_nits cd/m2, from
                    DIFFERENCE: h = s + o;  GAIN: (s + e) o - e;  GAMMA: min(s + e, 1 - e)^o - e;  DIRECT: o
                 and with less headroom, w = headroom / log2(content_max) < 1, from u = min(max(v, 0), signal_max):
                    (u + e) ((v' + e) / (u + e))^w - e
   How the whole numbers are made:
      near(v, most) = v to the nearest whole number, halves away from 0, held within -most..most
      factor(lo, hi, room, w):  A = max(hi, -lo);  return A > 1e-30 ? min(room / A, 32767 / w) : 0     w = 0: room / A
      Layer 1, neuron j:
         lo = hi = b1[j]
         inputs 0 and 1, each sine's weight a in W1 and its cosine's b:
            t = max(|a|, |b|) + min(|a|, |b|) / 2;  lo -= t;  hi += t
         inputs 2 .. I - 1:  lo += least, hi += greatest of part(i, code(q), 0)[j] for q = 0..255
         G1[j] = factor(lo, hi, 32759, 0);  e1[j] = (I + 1) / 2;  hi1[j] = hi
      layer(w, bias, hi, g, e), of vectors over k, with R = 2^31 - 1 - 2^23:
         lo' = hi' = bias;  for each k:  t = w max(hi, 0);  lo' += min(t, 0);  hi' += max(t, 0)
         u = g > 0 ? w / g : 0, for each k
         g' = factor(lo', hi', R, greatest |u|);  reach = max(hi', -lo') g'
         Q = near(u g', 32767), for each k
         e' = (sum over k of |Q| max(0, e + min(hi g, 0)) + |u g' - Q| max(0, hi g)) + 1
         if reach + e' > 2^31 - 1 - 2^16:  t = R / (reach + e');  g' *= t;  reach *= t;  Q and e' again with that g'
      Layer 2, neuron j:   layer(W2[.][j], b2[j], hi1, G1, e1);  Q2[.][j] = Q;  B2[j] = near(b2[j] g', R) + 32768
                           hi2[j] = hi';  g2[j] = g' / 65536;  e2[j] = e' / 65536 + 1/2
      Layer 3, channel c:  layer(W3[.][c], 0, hi2, g2, e2);  Q3[.][c] = Q;  S[c] = g' > 1e-30 ? float(1 / g') : 0
                           rounding errors are too large if, for some c, reach > 0 and e' > reach / 32
*/

/* Reads a blob from untrusted bytes into net. What net held before is overwritten, not freed. On success net owns its
   weights: gmlp_net_free. On failure it is zeroed, and err, if given, says what and where. */
GMLP_DEF gmlp_result gmlp_blob_read(const void *bytes, size_t size, const gmlp_alloc *alloc, gmlp_net *net,
                                    gmlp_error *err);

/* What a blob is, from untrusted bytes and without memory: all that gmlp_blob_read checks but the weights, and of these
   the checksum. On failure out is zeroed. */
typedef struct gmlp_blob_desc {
    int version;                      /* of the format */
    int method;                       /* gmlp_method */
    int wide_space, base_space;       /* gmlp_space */
    int hidden_width;                 /* neurons in each hidden layer; 0: no network */
    uint32_t width, height;           /* of the picture trained on */
    uint32_t base_width, base_height; /* of the picture in the file */
    uint32_t halo;                    /* gmlp_net_halo */
    size_t weights;                   /* how many */
    size_t size;                      /* of the blob */
    size_t decoder_bytes;             /* gmlp_decoder_size for GMLP_F16 and the original's space */
} gmlp_blob_desc;
GMLP_DEF gmlp_result gmlp_blob_info(const void *bytes, size_t size, gmlp_blob_desc *out, gmlp_error *err);

/* Kinds of sections (their bytes: above and >>edits). */
typedef enum gmlp_section {
    GMLP_SECTION_OUTSIDE = 1,   /* how much of a base of sYCC lies outside sRGB */
    GMLP_SECTION_LANDMARKS = 2, /* by which edits are found (>>edits) */
    GMLP_SECTION_QUALITY = 3    /* two 16-bit numbers: PSNR of all and of the OG pixels as the encoder measured it, in
                                   100ths of a dB; 0: not measured. Training leaves both at 0 */
} gmlp_section;

/* The section of that kind: its bytes, of which there are *size, inside the net; NULL and 0 if it has none. */
GMLP_DEF const uint8_t *gmlp_net_section(const gmlp_net *net, int kind, size_t *size);

/* The signature of a base: the mean luma, (54 red + 183 green + 19 blue) / 256 in codes, in each of 8 x 8 cells. Pixel
   (x, y) counts in cell (8 x / width, 8 y / height); a cell that no pixel falls into (a picture of fewer than 8 columns
   or rows has such) is 0. Two signatures match if no cell differs by more than 4, nor all together by more than 80. So
   the same picture is recognised after lossless rewriting, another decoder's rounding and recompression at quality 90
   or better (from about 40 pixels a side on), and not after a crop, a resize or a turn.

   Of sYCC it is the luma of the codes that a viewer shows, which a program that saves the picture anew does not change,
   in every n-th row from the first on, n = 1 + height / 256. Such a program clips, though: what lay outside sRGB is
   gone. So what lies outside is counted, too. A run is 16 pixels of such a row, the first at a multiple of 16, and
   belongs to the cell of its last one; it is outside if some channel of its mean R'G'B', of whole codes, is more than 8
   below 0 or above 255, and far outside with more than 12. JPEG's noise seldom reaches so far. A picture was clipped if
   fewer runs are outside than three quarters of those that GMLP_SECTION_OUTSIDE says to be far outside, and these are 4
   at least.
      gmlp_signature_begin    for a picture of that size
      gmlp_signature_rows     some whole rows of it (GMLP_U8, 3 or 4 channels, as wide as the picture), the first of
                              them being row y; each row of the picture once, in any order and any number at a time
      gmlp_signature_finish   the means of the rows so far
   Another view or size is GMLP_E_ARGUMENT; rows then change nothing, and s is one to which no rows can be added. */
typedef struct gmlp_signature {
    uint32_t width, height;
    uint64_t sum[GMLP_SIGNATURE_SIZE];
    uint64_t count[GMLP_SIGNATURE_SIZE];
    uint32_t runs[GMLP_SIGNATURE_SIZE], outside[GMLP_SIGNATURE_SIZE], far_outside[GMLP_SIGNATURE_SIZE]; /* sYCC */
    const struct gmlp__kernels *kernels; /* gmlp_signature_begin's choice */
} gmlp_signature;
GMLP_DEF gmlp_result gmlp_signature_begin(gmlp_signature *s, uint32_t width, uint32_t height);
GMLP_DEF gmlp_result gmlp_signature_rows(gmlp_signature *s, const gmlp_image *rows, uint32_t y);
GMLP_DEF gmlp_result gmlp_signature_finish(const gmlp_signature *s, uint8_t out[GMLP_SIGNATURE_SIZE]);
/* 1 if the two signatures are of the same picture. */
GMLP_DEF int gmlp_signature_match(const uint8_t a[GMLP_SIGNATURE_SIZE], const uint8_t b[GMLP_SIGNATURE_SIZE]);
/* 1 if net belongs to the picture: its base_width and base_height are the picture's, and the signatures match. A net of
   GMLP_METHOD_NONE holds nothing that is of one picture: it matches all, of any size. */
GMLP_DEF int gmlp_net_matches(const gmlp_net *net, const gmlp_signature *s);

/* Are these the pixels that the network was trained on?
      GMLP_OK               yes
      GMLP_E_CLIPPED        the same picture, saved anew by a program that keeps only sRGB: what its Y'CbCr held outside
                            is gone. Networks have seen such pixels in training (gmlp_train), and decoding gives the
                            best that is left; pixels that were in gamut come back as ever
      GMLP_E_MISMATCH       the picture is not of the net's base_width and base_height
      GMLP_E_OTHER_PICTURE  it is, but the signature differs
      GMLP_E_ARGUMENT       s is none
   s: of all rows, in the net's base_space. */
GMLP_DEF gmlp_result gmlp_net_verdict(const gmlp_net *net, const gmlp_signature *s);

/* The same for a whole base in memory (GMLP_U8), and GMLP_E_BASE_SPACE for RGB codes where the net takes sYCC, or the
   other way round. RGB codes of a picture whose network takes sYCC, from a PNG or a reader that has no Y'CbCr, can be
   brought to sYCC by gmlp_convert (not under GMLP_DECODE_ONLY, which converts to no sYCC): then they are clipped, and
   decode as such. GMLP_E_ARGUMENT for a view that is none.
   Reads every pixel once, as fast as memory gives them (of sYCC, a few rows). Before decoding what a stranger sent, ask
   this. */
GMLP_DEF gmlp_result gmlp_net_check(const gmlp_net *net, const gmlp_image *base);

#ifndef GMLP_DECODE_ONLY
/* Gives the net a section of these bytes, up to 255, in place of the one it has of that kind, 1..255. bytes NULL: it
   gets none. Not bytes of the net's own. GMLP_E_ARGUMENT, and the net as it was: out of these ranges, or more than
   GMLP_MAX_SECTIONS in all. */
GMLP_DEF gmlp_result gmlp_net_section_set(gmlp_net *net, int kind, const void *bytes, size_t size);

/* Bytes of the net's blob; 0 if gmlp_blob_write would refuse the net. */
GMLP_DEF size_t gmlp_blob_size(const gmlp_net *net);

/* Writes the net's blob into bytes, which holds capacity; *size gets its length. GMLP_E_BUFFER: it is longer than
   capacity; *size then is the length it needs, and bytes, which may be NULL, is as before. GMLP_E_ARGUMENT: the net is
   not one that a blob can hold (a field out of its range, no weights, a weight that weight_format cannot represent);
   *size is 0. */
GMLP_DEF gmlp_result gmlp_blob_write(const gmlp_net *net, void *bytes, size_t capacity, size_t *size);

/* Rounds the weights to coarser steps, so that the net's blob has at most budget bytes; of the landmarks (>>edits) the
   most useful stay within a sixteenth of it, as in training. No pixels are needed, and what was trained for such a
   budget is better: of 4 KB (preset DEFAULT), 3.5 and 3 KB cost 0.1 dB out of gamut, 2.5 KB 0.5, 2 KB 2, 1 KB 7 to 15.
   Wider nets have few steps to lose: of 10 KB (HIGH), 9.6 KB cost 1 dB, 8 KB 6. With less than five bits for a weight,
   train the net further instead (gmlp_train_opts.start and budget, for what it gave back as the original). A net within
   the budget stays as it is, and after a failure, too: GMLP_E_ARGUMENT if not even the coarsest steps are enough, or a
   blob cannot hold the net; GMLP_E_MEMORY (net->alloc gives two copies of the weights). */
GMLP_DEF gmlp_result gmlp_net_shrink(gmlp_net *net, size_t budget);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>decode: base picture + network -> wide gamut or HDR

   Places are columns x and rows y of the picture in the file, counted from its upper left pixel, which is (0, 0). A
   call gets two views and the place of the first pixel of each. base has the file's pixels: the whole picture or a part
   of it; out gets the decoded ones. Around each pixel of out the network reads base as far as its *halo*: so many
   pixels to every side. Where the picture itself ends, its outermost pixels stand for those beyond. A base that lacks a
   pixel of the picture which the network would read is refused (GMLP_E_HALO). So any part decodes to the same bytes as
   the same pixels of the whole.

   Pixels that are not for the network (GMLP_MASK_SATURATED) are converted from the base's space, exactly. A network of
   ReLU layers with code inputs is evaluated in 16-bit whole numbers, which costs 0.002 dB at most (1e-4 of full light,
   in pictures), unless its weights could let roundings add up to more than a 32nd of its range; all others in float.

   Nothing here can tell whether base shows the picture that the network belongs to: gmlp_net_check does, and the
   streams below.
*/

/* The halo of a net: 0..GMLP_MAX_RADIUS pixels. */
GMLP_DEF uint32_t gmlp_net_halo(const gmlp_net *net);

/* What comes out of a decoder. Zero in a field means its default. */
typedef struct gmlp_decoder_opts {
    double white_nits;       /* cd/m2 of diffuse white, 0..10000, for PQ and HLG output; 0: the net's, or 203 */
    double headroom;         /* HDR networks: stops that the display has above white, 0 or more; 0: all that the picture
                                has. With fewer, light is that of a gain map's weight (ISO 21496-1): base (hdr / base)^w
                                with offsets of 1/64 and w = headroom / log2(net's content_max) */
    double scale;            /* light times this; 0: 1. For scRGB, whose 1.0 is 80 cd/m2: the net's white_nits / 80 */
    int clamp_negative;      /* GMLP_F16 and GMLP_F32: light below 0 becomes 0 */
    int alpha;               /* gmlp_alpha, of views with four channels; the source is base */
    const gmlp_primaries *primaries; /* NULL: those of the space. Not kept */
    uint32_t x, width;       /* the columns that will be asked for; width 0: all of them, whatever x says. A decoder of
                                few columns is made faster and is smaller */
    int isa;                 /* gmlp_isa */
    gmlp_alloc alloc;
} gmlp_decoder_opts;

typedef struct gmlp_decode_opts {
    uint32_t x, y;           /* where out begins in the picture; default 0, 0 */
    uint32_t base_x, base_y; /* where base begins in it; default 0, 0 */
    const struct gmlp_device *device; /* decodes, to the same bytes; NULL: none */
    gmlp_threads threads;
    gmlp_decoder_opts decoder; /* but x and width, which follow from out */
} gmlp_decode_opts;

/* Decodes into out: a rectangle of the picture, as large as out. base: GMLP_U8, in the net's base_space, interleaved.
   out: any type; its space says what to write (not GMLP_SYCC), GMLP_SPACE_NONE the net's wide_space. The views must not
   overlap: nothing is decoded in place. opts NULL: base is the whole picture, out begins at (0, 0). The views are
   checked before anything is built or written:
      GMLP_E_MISMATCH    opts is NULL, and base is not of the net's base_width and base_height
      GMLP_E_BASE_VIEW   base reaches outside the picture
      GMLP_E_OUT_VIEW    out reaches outside base
      GMLP_E_HALO        base lacks pixels around out
      GMLP_E_BASE_SPACE  base is not in the net's base_space
   On these, on GMLP_E_ARGUMENT and on GMLP_E_MEMORY out is as it was. With opts->threads there are up to 64 jobs of
   some rows each, otherwise all is done on the caller's thread. To decode many parts, make a decoder. */
GMLP_DEF gmlp_result gmlp_decode(const gmlp_net *net, const gmlp_image *base, const gmlp_image *out,
                                 const gmlp_decode_opts *opts);

/* A decoder is all that decoding needs of a net for one type and space of output: made once, never changed, used by any
   number of threads at a time. It keeps nothing of the net, which may be freed. */
typedef struct gmlp_decoder gmlp_decoder;

/* The bytes of a decoder, in *bytes, before it is made. Fails as gmlp_decoder_init would. opts may be NULL. */
GMLP_DEF gmlp_result gmlp_decoder_size(const gmlp_net *net, int type, int space, const gmlp_decoder_opts *opts,
                                       size_t *bytes);
/* Makes one in memory of the caller's, which takes those bytes, at any address; it is the caller's to release when the
   decoder is no longer used, and gmlp_decoder_free does nothing. On failure *decoder is NULL:
      GMLP_E_ARGUMENT    type, space or options are out of range, or the net is one that a blob cannot hold
      GMLP_E_OUT_VIEW    columns outside the picture
      GMLP_E_BUFFER      size is too small */
GMLP_DEF gmlp_result gmlp_decoder_init(void *memory, size_t size, const gmlp_net *net, int type, int space,
                                       const gmlp_decoder_opts *opts, gmlp_decoder **decoder);
/* Makes one in one allocation of opts->alloc; gmlp_decoder_free releases it. Fails as gmlp_decoder_init, or with
   GMLP_E_MEMORY. */
GMLP_DEF gmlp_result gmlp_decoder_create(const gmlp_net *net, int type, int space, const gmlp_decoder_opts *opts,
                                         gmlp_decoder **decoder);
GMLP_DEF void gmlp_decoder_free(gmlp_decoder *decoder); /* NULL is fine */

typedef struct gmlp_decoder_desc {
    uint32_t width, height;  /* of the picture in the file */
    uint32_t x, columns;     /* the columns that it decodes */
    uint32_t halo;
    int method, type, space; /* gmlp_method; what it writes */
    int whole_numbers;       /* 1: the network runs in 16-bit whole numbers, 0: in float */
    size_t bytes;            /* of memory that it holds */
    size_t scratch;          /* gmlp_decoder_scratch_size of those columns */
} gmlp_decoder_desc;
GMLP_DEF void gmlp_decoder_info(const gmlp_decoder *decoder, gmlp_decoder_desc *out);

/* Bytes that a call works in, for rectangles of up to so many columns; more than 4096 take no more. 0: of any width. */
GMLP_DEF size_t gmlp_decoder_scratch_size(const gmlp_decoder *decoder, uint32_t width);

/* Decodes a rectangle as gmlp_decode does, on the caller's thread, out->type being the decoder's; the views' spaces are
   ignored, but that sYCC must be said. scratch: gmlp_decoder_scratch_size(decoder, out->width) bytes at any address,
   used by this call alone; then nothing is allocated. NULL: they come from the decoder's allocator, and the result can
   be GMLP_E_MEMORY. Uses at most 16 KB of stack. */
GMLP_DEF gmlp_result gmlp_decoder_rows(const gmlp_decoder *decoder, const gmlp_image *base, uint32_t base_x,
                                       uint32_t base_y, const gmlp_image *out, uint32_t x, uint32_t y, void *scratch);

/* Some neighbouring pixels of a row, on their way. */
typedef struct gmlp_span {
    uint32_t x, y, n;        /* the first one's place in the picture; how many: up to 4096 */
    const float *r, *g, *b;  /* n each: what the decoder writes to GMLP_F32 */
    const float *a;          /* alpha, 0..1; NULL where base has none */
} gmlp_span;
/* Gets the spans of a row from left to right; n, and the order of rows, are the library's choice. Nonzero stops with
   GMLP_E_CANCELLED. */
typedef int (*gmlp_sink)(void *user, const gmlp_span *span);

/* Decodes the rectangle (x, y, width, height) into calls of sink, while its numbers are in the cache: for formats that
   the library does not write, histograms, mip levels. The decoder's type must be GMLP_F32. All else as
   gmlp_decoder_rows. */
GMLP_DEF gmlp_result gmlp_decoder_sink(const gmlp_decoder *decoder, const gmlp_image *base, uint32_t base_x,
                                       uint32_t base_y, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                                       gmlp_sink sink, void *user, void *scratch);

/* A stream: rows of base in, from the top down, as a PNG or JPEG reader gives them; decoded rows out, halo rows later.
   It holds the rows that the network still reads, and finds the base's signature.

      for (y = 0; y < height; y += n) {
          gmlp_stream_put(stream, &rows);                    // n rows of base
          while ((out.height = gmlp_stream_ready(stream)) > 0) {
              if (out.height > most) out.height = most;      // rows that out has room for
              gmlp_stream_take(stream, &out);                // writes out.height rows
          }
      }
      if (gmlp_stream_check(stream)) ...                     // not the network's picture as it was

   One thread at a time, but for gmlp_stream_rows. */
typedef struct gmlp_stream gmlp_stream;
typedef struct gmlp_stream_opts {
    uint32_t rows;           /* that can be put before some are taken, besides those around them; 0: 16 */
    int channels;            /* of base: 3 or 4; 0: 3 */
    gmlp_alloc alloc;        /* of the one allocation */
} gmlp_stream_opts;

/* decoder must outlive the stream. The whole width of base goes in, the decoder's columns come out. opts may be NULL.
   On failure *stream is NULL. */
GMLP_DEF gmlp_result gmlp_stream_create(const gmlp_decoder *decoder, const gmlp_stream_opts *opts,
                                        gmlp_stream **stream);
GMLP_DEF void gmlp_stream_free(gmlp_stream *stream); /* NULL is fine */

/* The next rows of base, as many as rows->height: GMLP_U8, as wide as the picture, with the stream's channels. They are
   copied. GMLP_E_BUFFER if there is no room for all of them, GMLP_E_BASE_VIEW if the picture ends before,
   GMLP_E_BASE_SPACE as gmlp_net_check: then none is taken. */
GMLP_DEF gmlp_result gmlp_stream_put(gmlp_stream *stream, const gmlp_image *rows);
/* The same without the copy: *rows becomes a view of the stream's memory for up to rows->height (before the call) of
   the next rows, 0 if there is no room; after the caller has filled them, gmlp_stream_filled takes the first n of them.
   */
GMLP_DEF gmlp_result gmlp_stream_space(const gmlp_stream *stream, gmlp_image *rows);
GMLP_DEF gmlp_result gmlp_stream_filled(gmlp_stream *stream, uint32_t n);

/* How many rows can be taken. */
GMLP_DEF uint32_t gmlp_stream_ready(const gmlp_stream *stream);
/* Decodes the next rows, as many as out->height, up to those ready (GMLP_E_OUT_VIEW if fewer are); out is as wide as
   the decoder's columns. */
GMLP_DEF gmlp_result gmlp_stream_take(gmlp_stream *stream, const gmlp_image *out);

/* For several threads, all other calls being locked by the caller: gmlp_stream_rows decodes rows y and on without
   taking them. It may run on many threads at once, also while another one fills what gmlp_stream_space gave. That those
   rows are ready is the caller's word: it is not looked at. gmlp_stream_drop takes the next n rows without decoding
   them (GMLP_E_ARGUMENT if fewer are ready). scratch: as for gmlp_decoder_rows. */
GMLP_DEF gmlp_result gmlp_stream_rows(const gmlp_stream *stream, uint32_t y, const gmlp_image *out, void *scratch);
GMLP_DEF gmlp_result gmlp_stream_drop(gmlp_stream *stream, uint32_t n);

/* When all rows have been put, as gmlp_net_verdict: GMLP_OK if base was the picture that the network belongs to,
   GMLP_E_CLIPPED, GMLP_E_OTHER_PICTURE. GMLP_E_TRUNCATED before. */
GMLP_DEF gmlp_result gmlp_stream_check(const gmlp_stream *stream);

/* ---------------------------------------------------------------------------------------
   >>edits: what other programs did to the base

   A program that knows nothing of networks may turn, mirror, crop or resize the picture and keep its metadata: then
   base_width, base_height, coords and signature of the net in them are wrong. They can be found from the pixels:
   training keeps *landmarks* in the net, spots that stand out against their surroundings (extremes of the difference
   of two Gaussian blurs), and for each where it is and 15 bits that say what it looks like.

   In the net they are the section GMLP_SECTION_LANDMARKS, five bytes for each: 12 bits each for its column and row in
   the picture trained on, in 4096ths of the longer side, 15 bits of detail and one that is 1 for a dark spot; the
   lowest bits are in the first byte. Detail is of the picture with its longer side at 512 pixels (smaller ones as they
   are), blurred: 24 samples around the spot, 4 pixels apart in five rows, the middle one left out; bit k is 1 if sample
   k is greater than sample (k + 5) mod 24.
*/
#define GMLP_MAX_LANDMARKS 48

typedef struct gmlp_find_edit_opts {
    gmlp_threads threads;
    gmlp_alloc alloc;        /* of what it works in: 25 MB at most, 10 for most pictures */
} gmlp_find_edit_opts;

typedef struct gmlp_edit {
    gmlp_coords coords;      /* as gmlp_net has them */
    uint32_t width, height;  /* of the base */
    uint8_t signature[GMLP_SIGNATURE_SIZE]; /* of the base */
    uint32_t found, expected; /* landmarks where they should be, and how many should be in the base. Six, and half of
                                 those expected, are enough; 0, 0: the net has none, and the signature decided */
} gmlp_edit;

/* Finds out how base (GMLP_U8, whole) was made from the picture that the net was trained on, where gmlp_net_check
   refuses it: turned by 90, 180 or 270 degrees, mirrored, resized (also unequally), cropped, or several of these, and
   compressed again (quality 90 or better). GMLP_OK: in *edit, which gmlp_net_follow takes. GMLP_E_OTHER_PICTURE: it is
   none of this, or it cannot be found: crops of less than a quarter of the area or of little detail, unequally resized
   crops, changed colours. GMLP_E_BASE_SPACE: as gmlp_net_check. Nothing is accepted of which the signature's cells that
   can be compared, four at least, differ by more than signatures may. Nets without landmarks (of blobs before
   version 4, and of pictures with too few) are found again only if the picture is whole, its ratio of sides as it was
   and its orientations differ. Crops are taken to begin and end at whole pixels. opts may be NULL. */
GMLP_DEF gmlp_result gmlp_find_edit(const gmlp_net *net, const gmlp_image *base, const gmlp_find_edit_opts *opts,
                                    gmlp_edit *edit);

/* Sets the net's coords, base_width, base_height and signature: it then belongs to that base. Where that was resized,
   codes are means of clipped ones and others, and a clip margin below 8 grows by 5, up to 8 (of larger
   pictures by 2). */
GMLP_DEF void gmlp_net_follow(gmlp_net *net, const gmlp_edit *edit);

/* Decodes a base that another program resized, which the net follows, with more of its colours than gmlp_decode
   gives: made smaller 0.1 to 5 dB out of gamut, larger 0.2 to 9, where lost is not 0 more. Codes that are means of
   clipped ones and others are none that the network was trained on. So codes are looked for at the size that it was
   trained on (up to 4 times each side, or a quarter of it) that would give those of the base, clipped areas getting
   their edges back. (Of larger pictures each call tries first, on 8 tiles of 64 x 64 pixels, whether pixels lie half a
   pixel beside their places, as libvips 8.14 lays them.) They are decoded, and the result is resized as by a program
   that resizes the original: in codes of the wide space, if that has a curve (of PQ and HLG, in those of
   GMLP_REC2020). Light outside 0..1 of the wide space is cut off. What was not resized, or made larger by repeating
   rows, and nets that are not for saturated pixels alone, go to gmlp_decode; so does a base in sYCC that still has its
   colours outside sRGB (gmlp_net_check), of which every call reads the whole base.
   lost: what codes other than 0 and 255 have lost on the mean, 0..1. ImageMagick 6 cuts codes of a PNG that it resizes
   instead of rounding them: 0.5; others: 0.
   base: as of gmlp_find_edit, the whole picture; out: a part of it, as gmlp_decode writes it; opts: no device, no
   headroom. Results as gmlp_decode's; GMLP_E_MISMATCH also for a base that is not the whole one. A part has the bytes
   of the whole. There are up to 16 jobs, which work in 1 to 5 MB each.
      if (gmlp_find_edit(&net, &base, NULL, &edit) == GMLP_OK) {  // gmlp_net_check had refused it
          gmlp_net_follow(&net, &edit);
          gmlp_decode_resized(&net, &base, &wide, 0, NULL);
      }
   A net that was trained further at a smaller size (below) needs none of this: decode as usual. */
GMLP_DEF gmlp_result gmlp_decode_resized(const gmlp_net *net, const gmlp_image *base, const gmlp_image *out,
                                         double lost, const gmlp_decode_opts *opts);

#ifndef GMLP_DECODE_ONLY
/* An edit of your own: a part of the picture, then resized, then turned. Zero in a field means what changes nothing. */
typedef struct gmlp_geometry {
    uint32_t x, y, width, height;  /* the part that stays; width and height 0: all */
    uint32_t to_width, to_height;  /* what it is resized to, before it is turned; both 0: its own size */
    int orientation;               /* how it is turned then, as EXIF's tag of that number asks for: 1 not at all,
                                      2 mirrored left to right, 3 half a turn, 4 upside down, mirrored, 5 mirrored and a
                                      quarter turn to the left, 6 a quarter turn to the right, 7 mirrored and a quarter
                                      turn to the right, 8 a quarter turn to the left; 0: 1 */
} gmlp_geometry;

/* Sets the net to base (GMLP_U8, whole), which was made so from the base that it belonged to: coords, base_width,
   base_height, signature and, of its sections, landmarks and what lies outside sRGB (a part is taken as one that is
   not GMLP_E_CLIPPED). Then gmlp_blob_write makes a blob for the new file. Parts, turns and mirrors of the same codes
   decode to the values that the whole picture gave there, to the bit, but where windows reach over the part's edges:
   up to gmlp_net_halo pixels from there. Where codes change (resized, compressed again) colours come back less well:
   train another on what the net gave back, edited alike, with the net as gmlp_train_opts.start. On failure the net
   is as it was: GMLP_E_ARGUMENT for a part outside the base that it belonged to, an edit that does not give base's
   size, coords out of their range, views that are none; GMLP_E_BASE_SPACE as gmlp_net_check; GMLP_E_MEMORY
   (net->alloc, for the landmarks of a part: 25 MB at most). */
GMLP_DEF gmlp_result gmlp_net_edit(gmlp_net *net, const gmlp_geometry *geometry, const gmlp_image *base);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>device: the heavy work on another processor

   A device is a table of functions that take over the work on pixels and samples. It is given in the options of
   gmlp_train, gmlp_train_hdr and gmlp_decode, which keep all else: what a network is, how long it trains, what its blob
   holds. gamutmlp_cuda.cu (at the end of this section) makes one of an NVIDIA GPU. The structures below are what a
   device gets; who only uses one can skip them.

   Decoding gives the same bytes as without a device, and collecting the same samples. Both follow from doing the same
   operations of IEEE arithmetic in the same order, fused where >>kernels has V_FMA and nowhere else; plain C is the
   pass SCALAR there. Training is free in its order and in how precisely it multiplies.

   A failure of the device is the result of the call; the library does not try again by itself. A device may serve
   several threads at once if it says so.
*/

/* A curve as it is computed, odd in x. What the constants are made from is in >>color.
      u = fma(|x|, in_scale, in_offset)
      POWER     y = fma(polynomial(mantissa of u, 1..2, - 1.5), octave[exponent's bits of u], out_offset);
                but toe_slope |x| where |x| < toe_end. The polynomial by Horner's rule, in fma
      SEGMENTS  u = |x| in_scale;  v = u held within bottom..top;  i = 4 ((bits of v >> 18) - segment_base);
                t = the place within the segment, -0.5..0.5;  y = segment[i..i + 3] by Horner's rule, the first last;
                but toe_slope u where u < bottom
      NONE      y = |x|
   then x's sign. What is beyond 1.2676506e30 stays as it is; NaN becomes 0x7fc00000. */
enum { GMLP_CURVE_NONE, GMLP_CURVE_POWER, GMLP_CURVE_SEGMENTS };
typedef struct gmlp_device_curve {
    int kind;
    float in_scale, in_offset;
    float toe_end, toe_slope;
    float out_offset;
    float term[8];              /* POWER: lowest first */
    float octave[256];          /* POWER: the factor in front included */
    const float *segment;       /* SEGMENTS: four terms each, lowest first */
    size_t segments;            /* how many */
    float bottom, top;
    int32_t segment_base;
} gmlp_device_curve;

/* Pixels to linear light. */
typedef struct gmlp_device_reader {
    int type, channels;         /* gmlp_type, and how many samples a pixel of a sample type has */
    int sycc;                   /* codes are GMLP_SYCC's: R'G'B' by gmlp__kernels.from_ycc, then curve */
    const float *table;         /* [256] 8 bits: each code's light; NULL: curve */
    const gmlp_device_curve *curve;        /* code to light; NULL: they are the same */
    const gmlp_device_curve *system_gamma; /* HLG: display light over scene light; NULL for others */
} gmlp_device_reader;

/* Linear light to pixels. */
typedef struct gmlp_device_writer {
    int type, channels;
    int alpha;                  /* gmlp_alpha */
    int integer;                /* codes, not floats */
    int unit;                   /* light is held within 0..1 before the curve, else the code behind it */
    int clamp_negative;
    float offset;               /* integers: added to a code before it is rounded */
    const gmlp_device_curve *curve;        /* light to code */
    const gmlp_device_curve *system_gamma; /* HLG: scene light over display light; NULL for others */
    const float *table;         /* [257] 8 bits: the least light that has the code; last: none has */
} gmlp_device_writer;

/* HDR: between light and signals. */
typedef struct gmlp_device_signals {
    const gmlp_device_curve *signal, *light; /* light to signal and back; NULL: values are light (METHOD_RESIDUAL) */
    float signal_max;
    double weight;              /* of the HDR rendition, 1 unless there is less headroom */
} gmlp_device_signals;

/* All that a decoder does, as numbers. Pointers lead into the decoder. */
typedef struct gmlp_decoder_plan {
    uint32_t width, height;     /* of the picture in the file */
    uint32_t x, columns, halo;  /* as in gmlp_decoder_desc */
    int network;                /* 0: all pixels are converted */
    int method, inputs, mask, clip_margin;
    int windows;                /* that the network gets means of; */
    uint8_t radius[GMLP_WINDOWS]; /* in the file's picture, 0: the pixel itself */
    /* pixels that are not for the network: the sum of three shares, or read and matrix */
    gmlp_device_reader base;
    const float *shares;        /* [3][256][4], of each code in the three lights, added in turn; NULL: there are none */
    float matrix[9];
    int mixes;                  /* 0: matrix is the identity */
    gmlp_device_writer out;
    /* others: read, to_wide, to values; the map undone; values to light, to_out, written */
    float to_wide[9], to_out[9];
    int leaves;                 /* 0: to_out is the identity */
    gmlp_device_signals domain;
    int direct;                 /* values are the codes to write, by the writer coded */
    gmlp_device_writer coded;
    /* the network in whole numbers, a word for two neurons, the first in its lower half (>>blob) */
    int whole_numbers;
    size_t pairs;               /* of neurons in a layer, a multiple of 4 */
    const int32_t *column;      /* [columns][pairs], what a column gives to the first layer, maybe with b1 */
    const int32_t *codes;       /* [9][256][pairs], of red, green, blue and the windows' means */
    const int32_t *w2;          /* [pairs / 4][pairs][8]: for 8 neurons, by pair of inputs */
    const int32_t *b2;          /* [2 pairs], with the half that rounds */
    const int32_t *w3;          /* [pairs][3] */
    float scale[3], bias[3];
    /* the network in float, the map's scale within */
    gmlp_mlp mlp;
    size_t features, wide;      /* wide: the width up to a multiple of 16, zeros in what pads it */
    const float *weights;       /* W1[features][wide], b1[wide], W2[wide][wide], b2[wide], W3[3][wide], b3[3] */
    float input_mean, input_range;
    int transpose;
} gmlp_decoder_plan;
GMLP_DEF void gmlp_decoder_plan_of(const gmlp_decoder *decoder, gmlp_decoder_plan *plan);

/* What rows y .. y + n - 1, with b1 unless columns have it, give to the first layer of whole numbers:
   lines[n][pairs]. */
GMLP_DEF void gmlp_decoder_lines(const gmlp_decoder *decoder, uint32_t y, uint32_t n, int32_t *lines);
/* The network's input for column (vertical 0) or row i: number 0 (the trained picture's row) if vertical differs from
   the plan's transpose, else number 1. */
GMLP_DEF float gmlp_decoder_place(const gmlp_decoder *decoder, int vertical, uint32_t i);

#ifndef GMLP_DECODE_ONLY
/* A pixel to learn from. */
typedef struct gmlp_device_sample {
    uint16_t row, column;
    uint8_t code[3];
    uint8_t mean[3 * GMLP_WINDOWS];
    uint8_t out_of_gamut;       /* 1 or 0 */
    float target[3];            /* what the network is to give */
    float color[3];             /* colour inputs, when they are not the codes */
} gmlp_device_sample;

/* Two pictures and how they are compared. */
typedef struct gmlp_device_pictures {
    const gmlp_image *base, *wide;
    gmlp_device_reader read_base, read_wide;
    float to_srgb[9], to_wide[9]; /* light of wide to that of sRGB; of base to that of wide */
    gmlp_device_signals domain; /* for values: both pictures' signals, or base's light and wide's held within 0..1 */
    int finds_og;               /* wide gamut: OG pixels are told from others, by wide's light in sRGB */
    int method;                 /* target: what gmlp__maps has for it, from the two values */
    int mask, clip_margin;
    int two_classes;            /* samples come from OG pixels (class 0) and others (1), each with its own share */
    int clipped_share;          /* not 0: of so many samples the last shows its base's sYCC codes, those of its windows'
                                   means, too, clipped (gmlp__sycc_clip) */
    uint8_t radius[GMLP_WINDOWS];
} gmlp_device_pictures;

/* Which pixels become samples. Candidates of a class have ranks from 0 on, in the picture's order; that of rank r is
   kept if (r + 1) step_kept >> 32 > r step_kept >> 32, which is then its place among the kept, plus keep[0] for class
   1; place says which sample that is. */
typedef struct gmlp_device_choice {
    const uint64_t (*rank)[2];  /* [height] of each row's first candidate */
    uint64_t keep[2], step_kept[2];
    const uint32_t *place;
    size_t sample_count;
} gmlp_device_choice;

/* Sums over the samples that the numbers of HDR networks are measured by, of targets [0] and colours [1]: for every
   GMLP_DEVICE_CHUNK samples their sum and that of squares, in order and in double, the least and the greatest. */
#define GMLP_DEVICE_CHUNK 4096u
typedef struct gmlp_device_moments {
    double sum, square, least, most;
} gmlp_device_moments;

typedef struct gmlp_device_step {
    float adam[8];              /* beta1, 1 - beta1, beta2, 1 - beta2, -rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t),
                                   epsilon */
    float muon_rate;
} gmlp_device_step;

/* A training on the samples that were collected. */
typedef struct gmlp_device_training {
    gmlp_mlp mlp;
    const float *table[GMLP_INPUTS]; /* [entries][2 frequencies], features by row, column, code; NULL: by colour */
    uint32_t entries[GMLP_INPUTS];
    float map_mean, map_range, input_mean, input_range; /* target = (target - mean) / range, colour alike */
    uint64_t seed;
    int draws;                  /* 1: at random, with replacement (PAPER); 0: the samples in turn, step after step */
    float inside_weight;        /* of the error of samples that are not out of gamut */
    uint32_t iterations, batch;
    int optimizer;
    uint32_t first_rounded;     /* from this step on samples see weights rounded to steps */
    float *weights;             /* in and out, as >>mlp has them */
    void *user;
    void (*constants)(void *user, uint32_t step, gmlp_device_step *out);
    void (*meanwhile)(void *user); /* the library's own work, needed by first_rounded: to be called once the first steps
                                      are on their way, if they go on by themselves; else it is done before round */
    void (*round)(void *user, const float *weights, float step_size[3]); /* at first_rounded, with weights by then */
    int (*progress)(void *user, uint32_t step); /* now and then; nonzero: stop with GMLP_E_CANCELLED. May be NULL */
} gmlp_device_training;
#endif /* GMLP_DECODE_ONLY */

typedef struct gmlp_device {
    void *user;
    /* Decoding. create gets a decoder, of which it keeps nothing. rows decodes as gmlp_decoder_rows does, whose checks
       are done; the views' pixels are in the caller's memory or where the device says that they may be. */
    gmlp_result (*decoder_create)(void *user, const gmlp_decoder *decoder, void **handle);
    gmlp_result (*decoder_rows)(void *handle, const gmlp_image *base, uint32_t base_x, uint32_t base_y,
                                const gmlp_image *out, uint32_t x, uint32_t y);
    void (*decoder_free)(void *handle);
#ifndef GMLP_DECODE_ONLY
    /* Training: open, brightest (HDR), count, collect, train, close. The library itself reads the pixels of two views,
       seen_base and, unless it is NULL, seen_wide, a part of wide's rows: where they are in memory that it cannot read,
       open points the views to copies that live until close. count writes each row's candidates of both classes (all
       0 for class 1 but with two_classes), or, if og, its OG pixels to the first. collect gives the number of OG
       samples, and moments[][2] unless it is NULL. */
    gmlp_result (*open)(void *user, const gmlp_image *base, const gmlp_image *wide, gmlp_image *seen_base,
                        gmlp_image *seen_wide, void **work);
    gmlp_result (*brightest)(void *work, const gmlp_device_pictures *pictures, double *light);
    gmlp_result (*count)(void *work, const gmlp_device_pictures *pictures, int og, uint64_t (*rank)[2]);
    gmlp_result (*collect)(void *work, const gmlp_device_pictures *pictures, const gmlp_device_choice *choice,
                           uint64_t *out_of_gamut, gmlp_device_moments (*moments)[2]);
    gmlp_result (*train)(void *work, const gmlp_device_training *training, double *loss);
    gmlp_result (*samples)(void *work, gmlp_device_sample *samples); /* as collected, for tests */
    void (*close)(void *work);
#endif /* GMLP_DECODE_ONLY */
} gmlp_device;

/* NVIDIA GPUs, by gamutmlp_cuda.cu, compiled with nvcc beside the program (its head says how). */
typedef struct gmlp_cuda gmlp_cuda;
typedef struct gmlp_cuda_opts {
    int ordinal;             /* which GPU, as CUDA counts them from 0 */
    void *stream;            /* a cudaStream_t of the caller's, which outlives the context and on which all work is put;
                                then one call at a time; none that is being captured. NULL: each call has a stream of
                                its own, and threads may call at once; it waits for what the program has put on
                                CUDA's default stream, but not for its other streams */
    char *error;             /* NULL, or GMLP_CUDA_ERROR bytes, in which gmlp_cuda_create says in CUDA's words why it
                                fails; "" if it does not, or not by CUDA */
} gmlp_cuda_opts;
#define GMLP_CUDA_ERROR 256

/* A context: the GPU, its streams, and memory that is kept between calls, of the host, too. opts may be NULL. Fails
   with GMLP_E_NO_DEVICE, _DRIVER, _DEVICE_CODE, _MEMORY or _DEVICE; *cuda is then NULL. */
gmlp_result gmlp_cuda_create(const gmlp_cuda_opts *opts, gmlp_cuda **cuda);
void gmlp_cuda_free(gmlp_cuda *cuda); /* NULL is fine */
/* The device to put into options; lives as long as the context. Pictures may lie in the GPU's memory (cudaMalloc), in
   another one's, from which they are copied, or in the caller's. With both on a GPU, and a stream of the caller's,
   decoder_rows returns when its work is on the stream; else calls return when they are done. */
const gmlp_device *gmlp_cuda_device(const gmlp_cuda *cuda);
/* The CUDA error behind the last failure of a call with this context, in CUDA's words, or that a network is too wide;
   "" if there was none. Not while another thread is in a call with it. */
const char *gmlp_cuda_error(const gmlp_cuda *cuda);

#ifndef GMLP_DECODE_ONLY
/* ---------------------------------------------------------------------------------------
   >>shaders: a decoder's numbers for shaders

   The decoder as a shader in GLSL, HLSL and WGSL is in the folder shaders/ beside this file. It reads all numbers from
   one buffer of 32-bit words, which gmlp_shader_pack writes: a storage buffer, or a texture of RGBA32UI texels. What it
   gives is linear light as gmlp_decoder_rows writes it to GMLP_F32, to the bit, on any device: see
   shaders/gamutmlp_decode.inc for how.

   A network of preset DEFAULT takes 36 KiB, and 4 bytes for each row and column of the picture: 64 KiB at 4000 x 3000.
   HDR: 86 KiB and 8 bytes.

   The words, in fours. Floats are their bits.
      0      layout, 1; method; width; height of the picture in the file
      1      flags: 1 network, 2 it is for all pixels, 4 light has to go through out, 8 b1 goes with the column; clip
             margin; N, the network's width; number of inputs, I
      2      radius of either window; the first column; how many columns
      3, 4   where tables are, in fours: shares, first, odd codes, second; third, odd columns, odd rows, 0
      5, 6, 7  the input that a column, a row and a code i lead to, in 2^-29, modulo 2^32:
             [0] + [1] i + (([2] i + 32768) >> 16);  frequencies of the first two
      8..10  frequencies of the inputs by codes
      11, 12 S; b3 (>>blob)
      13..15, 16..18  rows of matrices: from the base's primaries to the original's; out, from there to what is written
      19, 20 light to signal: in_scale, bottom, top, segment_base; toe_slope, where segments are in fours, signal_max, 0
      21, 22 and back
      23     0
      shares [3][256] fours: what a red, green, blue code gives to the three lights, and its light
      first  rows of N floats, W1 G1: of the column's features, of the row's, of the codes'; b1 G1 before the row's, or
             with flag 8 before the column's
      odd    [I - 2][256], [columns], [height], in (N + 31) / 32 words each: bit j is the lowest of what the code,
             column or row gives to neuron j of the first layer, N() of >>blob. As that is the whole number next to a
             sum of features times weights, the sum need not be known to better than half
      second [N][N / 2]: for neuron j its weights of pairs of inputs, the first in the lower half, 32768 added to each
      third  [N] fours: the weights to the three outputs, B2
*/

/* Writes the numbers of a decoder of GMLP_F32 and a space without a curve. *size gets the bytes that it takes, a
   multiple of 16; bytes, which may be NULL and else is at an address for words, is written, in the machine's order, if
   capacity holds them; else the result is GMLP_E_BUFFER.
      GMLP_E_ARGUMENT    the decoder writes something else, shows HDR with less headroom than the picture has, or its
                         network is in float (gmlp_decoder_info) or of GMLP_METHOD_GAIN or _GAMMA
      GMLP_E_BASE_SPACE  the base is sYCC
      GMLP_E_LIMIT       weights or coordinates that floats on a device may not follow; no trained network is known to
                         have them */
GMLP_DEF gmlp_result gmlp_shader_pack(const gmlp_decoder *decoder, void *bytes, size_t capacity, size_t *size);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>jpeg: carry a blob in a JPEG file
*/

/* The places for a blob: bits to combine. Which of them a file's next program keeps differs from program to program
   (tests/survival.sh has a table). In a JPEG, jpegtran keeps the comment alone and libvips the XMP packet alone; in a
   PNG, all that we tried keep the text. So these are the defaults. The binary ones are a quarter smaller, but more
   programs drop them. A KTX2 file has but one. */
typedef enum gmlp_carrier {
    GMLP_CARRIER_JPEG_APP = 1,   /* JPEG: APP11 segments, binary */
    GMLP_CARRIER_JPEG_COM = 2,   /* JPEG, by default: comments, base64 text */
    GMLP_CARRIER_XMP = 4,        /* JPEG by default, PNG: a property in the XMP packet, base64 text */
    GMLP_CARRIER_PNG_CHUNK = 8,  /* PNG: a gmLP chunk, binary */
    GMLP_CARRIER_PNG_TEXT = 16,  /* PNG, by default: a text chunk, base64; found also if a program has compressed it */
    GMLP_CARRIER_KTX2_KEY = 32   /* KTX2: the value of the key GMLPnet, binary */
} gmlp_carrier;

/* Takes a copy of the blob out: *blob_size bytes at *blob, from alloc, the caller's to free with gmlp_bytes_free and
   the same alloc. Looks into the binary carrier first, then into the text, then into XMP, and takes the first blob
   whose checksum is right. On failure *blob is NULL and *blob_size 0: GMLP_E_NOT_FOUND if there is no blob,
   GMLP_E_CORRUPT if there are only damaged ones, GMLP_E_FORMAT, GMLP_E_TRUNCATED, GMLP_E_MEMORY. */
GMLP_DEF gmlp_result gmlp_jpeg_extract(const void *jpeg, size_t size, const gmlp_alloc *alloc, void **blob,
                                       size_t *blob_size, gmlp_error *err);
/* Which carriers of a JPEG, PNG or KTX2 file hold an intact blob: gmlp_carrier bits. 0 if none does, and for files of
   other formats; -1 if memory ran out. */
GMLP_DEF int gmlp_carriers_present(const void *bytes, size_t size, const gmlp_alloc *alloc);

/* Frees what an extract function gave, with the size that it gave. NULL is fine. */
GMLP_DEF void gmlp_bytes_free(void *bytes, size_t size, const gmlp_alloc *alloc);

#ifndef GMLP_DECODE_ONLY
typedef struct gmlp_embed_opts {
    int carriers;            /* gmlp_carrier bits, of which those for the file's format count; 0: its defaults */
    int leave_untagged;      /* 0: a file that does not say what its colours are is tagged as sRGB, so that programs
                                show it alike: a JPEG without ICC profile gets one of 480 bytes, a PNG without cICP,
                                iCCP and sRGB chunk an sRGB chunk. 1: it stays untagged; for bases that are not sRGB */
} gmlp_embed_opts;

/* Writes the file with the blob in its metadata, and tagged as sRGB (see leave_untagged). A blob that it had is taken
   out. The compressed picture and all other metadata stay as they are, byte for byte. The blob goes into every carrier
   asked for, but not into an XMP packet that is already there and has no room for it: a JPEG's packet ends at 64 KB,
   and a PNG's may be compressed. out->write is called several times, with one portion after the other. If the result is
   any of these but the last, nothing has been written:
      GMLP_E_ARGUMENT                  the blob is not intact, or no carrier is one of this format
      GMLP_E_FORMAT, GMLP_E_TRUNCATED  jpeg is not a JPEG file, or ends too early
      GMLP_E_LIMIT                     XMP was the only carrier, and has no room
      GMLP_E_WRITE                     write returned nonzero */
GMLP_DEF gmlp_result gmlp_jpeg_embed(const void *jpeg, size_t size, const void *blob, size_t blob_size,
                                     const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err);
/* Writes the file without any blob, so that extract finds none; everything else stays. (An XMP packet that a PNG holds
   compressed, and that has a blob, is written uncompressed. A property is emptied instead of taken out where its
   neighbours could join to a new one.) Fails as gmlp_jpeg_embed. */
GMLP_DEF gmlp_result gmlp_jpeg_strip(const void *jpeg, size_t size, const gmlp_writer *out, gmlp_error *err);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>png: carry a blob in a PNG file. As the JPEG functions; the library's own memory for a compressed XMP packet, which
   embed and strip unpack, comes from GMLP_MALLOC. If there is none they fail with GMLP_E_MEMORY, and may have written.
*/
GMLP_DEF gmlp_result gmlp_png_extract(const void *png, size_t size, const gmlp_alloc *alloc, void **blob,
                                      size_t *blob_size, gmlp_error *err);

#ifndef GMLP_DECODE_ONLY
GMLP_DEF gmlp_result gmlp_png_embed(const void *png, size_t size, const void *blob, size_t blob_size,
                                    const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err);
GMLP_DEF gmlp_result gmlp_png_strip(const void *png, size_t size, const gmlp_writer *out, gmlp_error *err);
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>ktx2: carry a blob in a KTX2 file (Khronos KTX 2.0), whatever its texels' format. As the JPEG functions, without
   memory of the library's own; then the functions for a file of any kind

   One blob is for one picture: level 0 of a texture that is no array, cube or volume. Its levels are copied as they
   are, block-compressed and supercompressed ones too; a level's place in the file changes. What its colours are a KTX2
   file always says, so that there is nothing to tag, and leave_untagged does nothing. Several maps in one blob, as a
   material has them, are out of scope: normals, roughness and the like hold no colours. The KTX 2.0 specification has
   tools keep the keys that they do not know, so the network stays when levels are compressed without a loss.
   To embed and strip, parts of the file must come in the specification's order: else GMLP_E_FORMAT.
*/
GMLP_DEF gmlp_result gmlp_ktx2_extract(const void *ktx2, size_t size, const gmlp_alloc *alloc, void **blob,
                                       size_t *blob_size, gmlp_error *err);

/* JPEG, PNG or KTX2, by the first bytes: which of them (gmlp_container), and the functions for any. Files of another
   kind, and NULL, give GMLP_E_FORMAT. */
typedef enum gmlp_container {
    GMLP_CONTAINER_NONE = 0,
    GMLP_CONTAINER_JPEG = 1,
    GMLP_CONTAINER_PNG = 2,
    GMLP_CONTAINER_KTX2 = 3
} gmlp_container;
GMLP_DEF int gmlp_container_kind(const void *bytes, size_t size);
GMLP_DEF gmlp_result gmlp_extract(const void *file, size_t size, const gmlp_alloc *alloc, void **blob,
                                  size_t *blob_size, gmlp_error *err);

/* The network of such a file at once: gmlp_extract, then gmlp_blob_read. net is overwritten without being freed.
   On success it owns its weights: gmlp_net_free. On failure it is zeroed, the result is that of the call that failed,
   and err->offset counts in the file or, if gmlp_blob_read failed, in the blob. Does not look at the file's picture. */
GMLP_DEF gmlp_result gmlp_open(const void *file, size_t size, const gmlp_alloc *alloc, gmlp_net *net, gmlp_error *err);

#ifndef GMLP_DECODE_ONLY
GMLP_DEF gmlp_result gmlp_ktx2_embed(const void *ktx2, size_t size, const void *blob, size_t blob_size,
                                     const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err);
GMLP_DEF gmlp_result gmlp_ktx2_strip(const void *ktx2, size_t size, const gmlp_writer *out, gmlp_error *err);
GMLP_DEF gmlp_result gmlp_embed(const void *file, size_t size, const void *blob, size_t blob_size,
                                const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err);
GMLP_DEF gmlp_result gmlp_strip(const void *file, size_t size, const gmlp_writer *out, gmlp_error *err);
#endif /* GMLP_DECODE_ONLY */

#ifndef GMLP_NO_LETNET
/* ---------------------------------------------------------------------------------------
   >>letnet: an estimate of the wide gamut where no network travels with the picture

   One general network of 10 000 to 40 000 weights for all pictures, trained once on many: Xiao, Shui, Liu, Ye, Lam,
   "Learning Equilibrium Transformation for Gamut Expansion and Color Restoration", ECCV 2024. It never was published as
   code, and its text leaves much open. Here it is, with K3 a 3x3 convolution (zeros around the picture), C = channels,
   H = hidden, and . a product channel by channel:

      features  9 of a pixel: 2 code / 255 - 1 of its three codes; 1 for each of them within the clip margin of 0, else
                0; likewise of 255
      x         K3(C <- C)(tanh(K3(C <- 9)(features)))
      F(z)      s . K3(C <- H)(tanh(K3(H <- C)(tanh(z + x)))) + x                                   (equation 3)
      s         channel attention: 1 / (1 + exp(-v)), v = V2 max(0, V1 u + c1) + c2 with 8 neurons between, u the mean
                over the saturated pixels of what s is a factor of
      z*        the solution of z = F(z)
      o         K3(3 <- C)(z*) / 16: how far the light of each channel lies outside the codes' range

   Each convolution has biases. tanh bounds F, so that there is a solution for any weights.

   A code at the end of its range leaves only that channel's light unknown, on one side: light of red, green and blue in
   linear sRGB becomes that of the base, minus max(0, o) where the code is low and plus it where it is high, of
   saturated pixels (see Words) alone. What is then outside ProPhoto is clamped to it. All other pixels, and with
   weights of zero all of them, have the bytes that gmlp_convert gives.

   The start of the iteration is z = 0. (The paper has it from the pixel's coordinates; but a solution does not depend
   on the start, and a gradient taken at the solution says nothing of it.) After one iteration, o is that of a plain
   network of five convolutions, F(0). The solver, from there on, is Anderson's (1965) with a history of four, mixing 1,
   a ridge of 1e-6 of the mean square residual and a safeguard: it goes on from the best iterate with an empty history
   if a residual is more than twice the best one, and gives that in the end.

   Pictures with a side above 160 are solved in tiles of 144 x 144 and 8 pixels around each, every one with an s of its
   own: pieces are what a network is trained on. (One s for all, from the whole picture, gave 1.8 dB less on the mean of
   12 photographs.) Over the 16 pixels that two of them know, o goes from the one's to the other's in equal steps.
*/
#define GMLP_LETNET_MAX_WIDTH 64        /* largest channels and hidden */
#define GMLP_LETNET_MAX_ITERATIONS 50

typedef struct gmlp_letnet {
    int channels, hidden;    /* 16, 32, 48 or 64 each */
    float *weights;          /* gmlp_letnet_weights floats from alloc, owned by the network: the convolutions' matrices
                                as [row][column][from][to], row and column 0..2, V1 and V2 as [from][to], each followed
                                by its biases, in the order of x, F and s, o */
    gmlp_alloc alloc;        /* a copy: its user data must live as long as the network */
} gmlp_letnet;

/* How many weights there are, biases included; 0 if the sizes are not allowed. */
GMLP_DEF size_t gmlp_letnet_weights(int channels, int hidden);

/* A network from its bytes, which may be a stranger's: "gLET", a byte each for version (1), channels / 16, hidden / 16
   and 0, the weights as halves, the CRC-32 of all before it; the lowest byte first. net is overwritten without being
   freed; on success it owns 465 KB of weights at most, on failure it is zeroed: GMLP_E_FORMAT, GMLP_E_TRUNCATED,
   GMLP_E_NEWER, GMLP_E_FIELD, GMLP_E_CORRUPT, GMLP_E_WEIGHT, GMLP_E_MEMORY, GMLP_E_ARGUMENT. Bytes that follow are
   GMLP_E_FORMAT. */
GMLP_DEF gmlp_result gmlp_letnet_read(const void *bytes, size_t size, const gmlp_alloc *alloc, gmlp_letnet *net,
                                      gmlp_error *err);
/* Frees the weights and zeroes the network. A zeroed one, and NULL, are fine. */
GMLP_DEF void gmlp_letnet_free(gmlp_letnet *net);

/* Zero in a field means its default. */
typedef struct gmlp_expand_opts {
    int clip_margin;         /* codes, 0..63. 0 is right for a lossless base; compression moves clipped codes inwards, a
                                JPEG of quality 95 by 8 */
    int iterations;          /* at most, 1..50; 0: 50 */
    double tolerance;        /* the residual |F(z) - z| / |F(z)| that ends them, 1e-6..1; 0: 1e-3 */
    int adaptation;          /* gmlp_adaptation: the one that the base was made with */
    int alpha;               /* gmlp_alpha of out */
    int isa;                 /* gmlp_isa */
    gmlp_threads threads;
    gmlp_alloc alloc;
} gmlp_expand_opts;

typedef struct gmlp_expand_report {
    uint64_t saturated;      /* pixels that the network was asked for */
    uint64_t changed;        /* of those, pixels that it moved */
    uint32_t tiles;          /* solved; those without a saturated pixel are left out */
    uint32_t unsolved;       /* of those, tiles whose iteration ended above the tolerance */
    float worst;             /* largest residual that a tile ended with */
    int iterations;          /* most that a tile took */
    float residual[GMLP_LETNET_MAX_ITERATIONS]; /* of the tile with the most saturated pixels, by iteration; 0 after
                                its end */
} gmlp_expand_report;

/* Writes to out the colours of base (GMLP_SRGB, any type) as they may have been before they were clipped to sRGB. (A
   base in GMLP_SYCC holds most of them itself: gmlp_convert gives them.) out: any type and space, of base's size, other
   memory. Takes up to 200 MB whatever the picture's size, without threads 50 MB (16 and 32 channels) to 90 (64), and
   512 bytes a column.
   GMLP_E_ARGUMENT, GMLP_E_LIMIT, GMLP_E_MEMORY; after the last, out may have been written. report may be NULL. */
GMLP_DEF gmlp_result gmlp_expand(const gmlp_letnet *net, const gmlp_image *base, const gmlp_image *out,
                                 const gmlp_expand_opts *opts, gmlp_expand_report *report);

#ifndef GMLP_DECODE_ONLY
/* Starting weights from a seed (Xavier; the last layer's and those after the second tanh of F smaller), in memory from
   alloc. GMLP_E_ARGUMENT, GMLP_E_MEMORY. */
GMLP_DEF gmlp_result gmlp_letnet_init(int channels, int hidden, uint64_t seed, const gmlp_alloc *alloc,
                                      gmlp_letnet *net);

/* The network's bytes, of which there are gmlp_letnet_size (0: sizes not allowed); *size gets how many were written.
   Weights are rounded to halves. GMLP_E_ARGUMENT, GMLP_E_BUFFER, GMLP_E_WEIGHT. */
GMLP_DEF size_t gmlp_letnet_size(const gmlp_letnet *net);
GMLP_DEF gmlp_result gmlp_letnet_write(const gmlp_letnet *net, void *bytes, size_t capacity, size_t *size);

/* Sums over the saturated pixels of a piece. */
typedef struct gmlp_letnet_loss {
    double error, clipped;   /* squared differences from the original in linear ProPhoto, of the estimate (not clamped)
                                and of the base */
    uint64_t pixels;
    float residual;          /* that the solver ended with */
} gmlp_letnet_loss;

/* One step of training looks at pieces of pictures: base (GMLP_SRGB, GMLP_U8) and the wide-gamut original of the same
   size, sides up to 160. Writes the sums, and to gradient (laid out as weights) the derivatives by the weights of

      log(1 + error / (clipped + 1e-5 pixels))

   without those by way of z*: one application of F at the solution takes its place (Fung et al., "JFB", 2022), as in
   the paper. It is the last of opts' iterations: of one, the whole gradient of the plain network. Without saturated
   pixels all is 0. Of opts, threads and alpha are not used: pieces are what threads share, and their gradients are
   summed by the caller, in an order of its choice. GMLP_E_ARGUMENT, GMLP_E_LIMIT, GMLP_E_MEMORY. */
GMLP_DEF gmlp_result gmlp_letnet_gradient(const gmlp_letnet *net, const gmlp_image *base, const gmlp_image *wide,
                                          const gmlp_expand_opts *opts, gmlp_letnet_loss *loss, float *gradient);
#endif /* GMLP_DECODE_ONLY */
#endif /* GMLP_NO_LETNET */

#ifdef __cplusplus
}
#endif
#endif /* GAMUTMLP_H */

/* =======================================================================================
   IMPLEMENTATION. Users of the library stop reading here.
   ======================================================================================= */
#if defined(GAMUTMLP_IMPLEMENTATION) && !defined(GMLP__PASS) && !defined(GAMUTMLP_IMPLEMENTED)
#define GAMUTMLP_IMPLEMENTED

/* ---------------------------------------------------------------------------------------
   >>platform: attributes, checked arithmetic, floating-point state, bytes, CPU
*/
#include <string.h>

#ifndef GMLP_ALLOW_FAST_MATH
/* the last two: what gcc 12 tells of its parts, such as -funsafe-math-optimizations */
#if defined(__FAST_MATH__) || defined(_M_FP_FAST) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#error "gamutmlp.h: -ffast-math or /fp:fast changes results: build without, or define GMLP_ALLOW_FAST_MATH"
#endif
#if (defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16) || \
    (defined(_M_IX86_FP) && _M_IX86_FP < 2)
/* x86: -msse2 -mfpmath=sse or /arch:SSE2; other processors: -fexcess-precision=fast */
#error "gamutmlp.h: floats are computed as doubles, which changes results (see above), unless GMLP_ALLOW_FAST_MATH"
#endif
#endif

#if !defined(GMLP_MALLOC) && !defined(GMLP_FREE)
#include <stdlib.h>
#define GMLP_MALLOC(size) malloc(size)
#define GMLP_FREE(ptr) free(ptr)
#elif !defined(GMLP_MALLOC) || !defined(GMLP_FREE)
#error "define both GMLP_MALLOC and GMLP_FREE, or none"
#endif

#ifndef GMLP_HEADER_FILENAME
#define GMLP_HEADER_FILENAME "gamutmlp.h" /* not found? define GMLP_HEADER_FILENAME as the name that this file has */
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define GMLP__INLINE static __forceinline
#define GMLP__NOINLINE static __declspec(noinline)
#define GMLP__RESTRICT __restrict
#define GMLP__UNUSED
#else
#define GMLP__INLINE static inline __attribute__((always_inline))
#define GMLP__NOINLINE static __attribute__((noinline))
#define GMLP__RESTRICT __restrict__
#define GMLP__UNUSED __attribute__((unused))
#endif

#if defined(__GNUC__)
#define GMLP__PREFETCH(p) __builtin_prefetch(p)
#else
#define GMLP__PREFETCH(p) ((void)(p))
#endif

#if defined(__x86_64__) || defined(_M_X64)
#define GMLP__X64
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
#define GMLP__ARM64
#endif
#if defined(GMLP__X64) || defined(__SSE2__) || (defined(_M_IX86_FP) && _M_IX86_FP >= 2)
#define GMLP__SSE2
#endif

#if defined(GMLP__SSE2) && !defined(GMLP_NO_SIMD)
#define GMLP__HAS_SSE41
#endif
#if defined(GMLP__X64) && !defined(GMLP_NO_SIMD)
#define GMLP__HAS_AVX2
/* macOS keeps AVX-512 state off until first use and traps; the gain is not worth the care. */
#if !defined(GMLP_NO_AVX512) && !defined(__APPLE__)
#define GMLP__HAS_AVX512
#endif
#endif
/* Lanes are those of little-endian memory. */
#if defined(GMLP__ARM64) && !defined(__AARCH64EB__) && !defined(GMLP_NO_SIMD)
#define GMLP__HAS_NEON
#endif
#if defined(__wasm_simd128__) && !defined(GMLP_NO_SIMD)
#define GMLP__HAS_WASM
#endif

#ifdef GMLP__SSE2
#include <immintrin.h>
/* clang hides these from immintrin.h when it imitates MSVC; including them again is harmless. */
#if defined(__clang__) && defined(_MSC_VER)
#include <smmintrin.h>
#include <avxintrin.h>
#include <avx2intrin.h>
#include <fmaintrin.h>
#include <avx512fintrin.h>
#include <avx512bwintrin.h>
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif
#endif
#ifdef GMLP__HAS_NEON
#include <arm_neon.h>
#endif
#ifdef GMLP__HAS_WASM
#include <wasm_simd128.h>
#endif
#if defined(GMLP__ARM64) && defined(_MSC_VER)
#include <intrin.h>
#define GMLP__FPCR 0x5a20 /* winnt.h calls it ARM64_FPCR */
#endif
/* Others' floating-point state is kept by the C library, in some systems' -lm; theirs, below, by an instruction. */
#if defined(__GNUC__) && (defined(__riscv_flen) || defined(__s390x__) || defined(__powerpc64__) || \
                          defined(__wasm__) || (defined(__arm__) && defined(__ARM_FP)))
#define GMLP__FP_OWN
#elif !defined(GMLP__SSE2) && !defined(GMLP__ARM64)
#include <fenv.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

GMLP_DEF const char *gmlp_result_string(gmlp_result result) {
#define GMLP__CASE(value, name, text) case name: return text;
    switch (result) {
        GMLP_RESULTS(GMLP__CASE)
        case GMLP_RESULT_COUNT: break;
    }
#undef GMLP__CASE
    return "unknown result";
}

GMLP_DEF int gmlp_version(void) {
    return GMLP_VERSION;
}

/* Bytes of a sample; 0: the type has none. */
static size_t gmlp__sample_size(int type) {
    switch (type) {
        case GMLP_U8: return 1;
        case GMLP_U16: case GMLP_F16: return 2;
        case GMLP_F32: return 4;
        default: return 0;
    }
}

/* How many channels pixels have whose image says channels; 0: there are no such pixels. */
static int gmlp__channels(int type, int channels) {
    const int has_alpha = type == GMLP_BGRA8 || type == GMLP_RGB10A2;
    const int own = has_alpha ? 4 : type == GMLP_R11G11B10F || type == GMLP_RGB9E5 ? 3 : 0;
    if (own) return !channels || channels == own ? own : 0;
    if (!gmlp__sample_size(type)) return 0;
    return !channels ? 3 : channels == 3 || channels == 4 ? channels : 0;
}

GMLP_DEF size_t gmlp_pixel_size(int type, int channels) {
    const size_t sample = gmlp__sample_size(type);
    if (sample && channels == 1) return sample;
    channels = gmlp__channels(type, channels);
    return !channels ? 0 : sample ? sample * (size_t)channels : 4;
}

/* Memory. */
static void *gmlp__alloc(const gmlp_alloc *a, size_t size) {
    return a && a->alloc ? a->alloc(a->user, size) : GMLP_MALLOC(size);
}

static void gmlp__free(const gmlp_alloc *a, void *ptr, size_t size) {
    if (!ptr) return;
    if (!a || !a->alloc) GMLP_FREE(ptr);
    else if (a->free) a->free(a->user, ptr, size);
}

/* Floating-point state: round to nearest, denormals kept. Set on entry, put back on return. */
#if defined(GMLP__SSE2)
typedef unsigned int gmlp__fp_state;
static gmlp__fp_state gmlp__fp_enter(void) {
    unsigned int old = _mm_getcsr();
    _mm_setcsr(0x1f80u | (old & 0x3fu)); /* all exceptions masked, sticky flags kept */
    return old;
}
static void gmlp__fp_leave(gmlp__fp_state old) { _mm_setcsr(old); }
#elif defined(GMLP__ARM64) && !defined(_MSC_VER)
typedef uint64_t gmlp__fp_state;
static gmlp__fp_state gmlp__fp_enter(void) {
    uint64_t old, zero = 0;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(old));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(zero));
    return old;
}
static void gmlp__fp_leave(gmlp__fp_state old) { __asm__ __volatile__("msr fpcr, %0" : : "r"(old)); }
#elif defined(GMLP__ARM64)
typedef int64_t gmlp__fp_state;
static gmlp__fp_state gmlp__fp_enter(void) {
    int64_t old = _ReadStatusReg(GMLP__FPCR);
    _WriteStatusReg(GMLP__FPCR, 0);
    return old;
}
static void gmlp__fp_leave(gmlp__fp_state old) { _WriteStatusReg(GMLP__FPCR, old); }
#elif defined(GMLP__FP_OWN) && defined(__riscv_flen)
typedef unsigned long gmlp__fp_state; /* rounding; there are no other modes */
static gmlp__fp_state gmlp__fp_enter(void) {
    unsigned long old;
    __asm__ __volatile__("fsrm %0, zero" : "=r"(old));
    return old;
}
static void gmlp__fp_leave(gmlp__fp_state old) { __asm__ __volatile__("fsrm %0" : : "r"(old)); }
#elif defined(GMLP__FP_OWN) && defined(__s390x__)
typedef unsigned int gmlp__fp_state;
static gmlp__fp_state gmlp__fp_enter(void) {
    unsigned int old, zero = 0;
    __asm__ __volatile__("efpc %0" : "=d"(old));
    __asm__ __volatile__("sfpc %0" : : "d"(zero));
    return old;
}
static void gmlp__fp_leave(gmlp__fp_state old) { __asm__ __volatile__("sfpc %0" : : "d"(old)); }
#elif defined(GMLP__FP_OWN) && defined(__powerpc64__)
typedef double gmlp__fp_state; /* the status register's bits */
static gmlp__fp_state gmlp__fp_enter(void) {
    const double zero = 0.0;
    double old;
    __asm__ __volatile__("mffs %0" : "=d"(old));
    __asm__ __volatile__("mtfsf 255, %0" : : "d"(zero));
    return old;
}
static void gmlp__fp_leave(gmlp__fp_state old) { __asm__ __volatile__("mtfsf 255, %0" : : "d"(old)); }
#elif defined(GMLP__FP_OWN) && defined(__arm__)
typedef uint32_t gmlp__fp_state;
static gmlp__fp_state gmlp__fp_enter(void) {
    uint32_t old, zero = 0;
    __asm__ __volatile__("vmrs %0, fpscr" : "=r"(old));
    __asm__ __volatile__("vmsr fpscr, %0" : : "r"(zero));
    return old;
}
static void gmlp__fp_leave(gmlp__fp_state old) { __asm__ __volatile__("vmsr fpscr, %0" : : "r"(old)); }
#elif defined(GMLP__FP_OWN) /* WebAssembly has no modes */
typedef int gmlp__fp_state;
static gmlp__fp_state gmlp__fp_enter(void) { return 0; }
static void gmlp__fp_leave(gmlp__fp_state old) { (void)old; }
#else
typedef fenv_t gmlp__fp_state;
static gmlp__fp_state gmlp__fp_enter(void) {
    fenv_t old;
    fegetenv(&old);
    fesetenv(FE_DFL_ENV);
    return old;
}
static void gmlp__fp_leave(gmlp__fp_state old) { fesetenv(&old); }
#endif

/* Runs a job over a caller's threads, each call with a known floating-point state. */
typedef struct gmlp__task {
    void (*job)(void *ctx, size_t index);
    void *ctx;
} gmlp__task;

static void gmlp__task_run(void *user, size_t index) {
    const gmlp__task *task = (const gmlp__task *)user;
    gmlp__fp_state fp = gmlp__fp_enter();
    task->job(task->ctx, index);
    gmlp__fp_leave(fp);
}

static void gmlp__run(const gmlp_threads *threads, void (*job)(void *, size_t), void *ctx, size_t count) {
    gmlp__task task;
    size_t i;
    task.job = job;
    task.ctx = ctx;
    if (threads && threads->parallel_for && count > 1)
        threads->parallel_for(threads->user, gmlp__task_run, &task, count);
    else for (i = 0; i < count; i++) gmlp__task_run(&task, i);
}

/* Neither infinite nor NaN, by the bits: no build's arithmetic may skip this. */
static int gmlp__finite(float v) {
    uint32_t u;
    memcpy(&u, &v, 4);
    return (u & 0x7f800000u) != 0x7f800000u;
}

/* A product that the compiler can not fuse with a following addition: what keeps double
   arithmetic the same in every build. */
static double gmlp__dmul(double a, double b) {
#if defined(__GNUC__) && defined(__x86_64__)
    double p = a * b;
    __asm__("" : "+x"(p));
    return p;
#elif defined(__GNUC__) && defined(__aarch64__)
    double p = a * b;
    __asm__("" : "+w"(p));
    return p;
#elif defined(__wasm__) && !defined(__wasm_relaxed_simd__)
    return a * b; /* which has no fused ones */
#else
    volatile double p = a * b;
    return p;
#endif
}

/* a * b + c with one rounding. Without hardware: the product is exact in double, the sum is
   rounded to odd, and odd rounding survives the final rounding to float (Boldo and Melquiond,
   2008). */
static float gmlp__fmaf(float a, float b, float c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(a, b, c);
#else
    double p = (double)a * (double)b, d = (double)c;
    double s = p + d, t = s - p;
    double e = (p - (s - t)) + (d - t);
    uint64_t u;
    if (e != 0.0) { /* also true for NaN: harmless */
        memcpy(&u, &s, 8);
        if (!(u & 1) && (u & 0x7ff0000000000000u) != 0x7ff0000000000000u) {
            if ((e > 0.0) == (s > 0.0)) u++;
            else u--;
            memcpy(&s, &u, 8);
        }
    }
    return (float)s;
#endif
}

/* Instruction sets. */
#ifdef GMLP__HAS_SSE41
static void gmlp__cpuid(uint32_t leaf, uint32_t r[4]) {
#if defined(_MSC_VER) && !defined(__clang__)
    int v[4], i;
    __cpuidex(v, (int)leaf, 0);
    for (i = 0; i < 4; i++) r[i] = (uint32_t)v[i];
#elif defined(__i386__) /* ebx may be the register of position-independent code */
    __asm__ __volatile__("xchgl %%ebx, %1\n\tcpuid\n\txchgl %%ebx, %1"
                         : "=a"(r[0]), "=r"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
#else
    __asm__ __volatile__("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
#endif
}
#endif

#ifdef GMLP__HAS_AVX2
static uint32_t gmlp__xcr0(void) {
#if defined(_MSC_VER) && !defined(__clang__)
    return (uint32_t)_xgetbv(0);
#else
    uint32_t lo, hi;
    __asm__ __volatile__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    (void)hi;
    return lo;
#endif
}
#endif

/* The best instruction set that the processor, the system and the build have. */
static int gmlp__isa_best(void) {
#if defined(GMLP__HAS_NEON)
    return GMLP_ISA_NEON;
#elif defined(GMLP__HAS_WASM)
    return GMLP_ISA_WASM;
#elif defined(GMLP__HAS_SSE41)
    uint32_t r[4];
    int best;
#ifdef GMLP__HAS_AVX2
    uint32_t leaves, avx, xcr0;
    gmlp__cpuid(0, r);
    leaves = r[0];
#endif
    gmlp__cpuid(1, r);
    best = r[2] >> 19 & 1 ? GMLP_ISA_SSE41 : GMLP_ISA_SCALAR;
#ifdef GMLP__HAS_AVX2
    avx = r[2] >> 12 & r[2] >> 27 & 1; /* FMA, OSXSAVE */
    if (leaves < 7 || !avx) return best;
    xcr0 = gmlp__xcr0();
    gmlp__cpuid(7, r);
    if (!(r[1] >> 5 & 1) || (xcr0 & 6) != 6) return best;
    best = GMLP_ISA_AVX2;
#ifdef GMLP__HAS_AVX512
    if ((r[1] >> 16 & 1) && (r[1] >> 30 & 1) && (xcr0 & 0xe6) == 0xe6) best = GMLP_ISA_AVX512; /* F and BW */
#endif
#endif
    return best;
#else
    return GMLP_ISA_SCALAR;
#endif
}

/* Can a processor whose best instruction set is best run the code of isa? */
static int gmlp__isa_within(int isa, int best) {
    if (isa == best || (isa == GMLP_ISA_SCALAR && best != GMLP_ISA_WASM)) return 1;
    if (isa == GMLP_ISA_SSE41) return best == GMLP_ISA_AVX2 || best == GMLP_ISA_AVX512;
    return isa == GMLP_ISA_AVX2 && best == GMLP_ISA_AVX512;
}

GMLP_DEF int gmlp_isa_available(int isa) {
    return isa == GMLP_ISA_AUTO || gmlp__isa_within(isa, gmlp__isa_best());
}

GMLP_DEF const char *gmlp_isa_name(int isa) {
    switch (isa == GMLP_ISA_AUTO ? gmlp__isa_best() : isa) {
        case GMLP_ISA_SCALAR: return "scalar";
        case GMLP_ISA_AVX2: return "avx2";
        case GMLP_ISA_AVX512: return "avx512";
        case GMLP_ISA_NEON: return "neon";
        case GMLP_ISA_SSE41: return "sse41";
        case GMLP_ISA_WASM: return "wasm";
        default: return "unknown";
    }
}

/* C[rows][cols] from A[rows][k] and B[k][cols]; every element is one chain of fused
   multiply-adds in ascending k. Element (r, k) of A lies at a[r * a_row + k * a_k], so the same
   kernel multiplies by a transpose. cols is a multiple of 16. Rows of A up to 7 past the last
   may be read (never used). */
enum { GMLP__GEMM_SET, GMLP__GEMM_RELU, GMLP__GEMM_MASK, GMLP__GEMM_ADD };
typedef struct gmlp__gemm {
    const float *a;
    size_t a_row, a_k;
    const float *b;
    size_t b_k;
    float *c;
    size_t c_row;
    size_t rows, k, cols;
    const float *init; /* SET, RELU: what each row starts from (cols floats); NULL: 0 */
    const float *mask; /* MASK: C = mask > 0 ? C : 0, same layout as C */
    int mode;          /* ADD: the chain starts from C itself */
} gmlp__gemm;

typedef gmlp_device_curve gmlp__curve;
enum { GMLP__POWER_TERMS = 8, GMLP__SEGMENT_BITS = 5 };

/* The toe of a POWER curve hides all that has no place among the 16 octaves below 1. */
static int gmlp__curve_near(const gmlp__curve *c) {
    return c->kind == GMLP_CURVE_POWER && c->toe_end >= 1.0f / 32768.0f;
}

/* Rows are worked on in portions that stay in the first-level cache and on the stack. */
#define GMLP__PORTION 128
#define GMLP__PAD(n) (((n) + 15u) & ~(size_t)15u)

/* Jobs are bands of rows, whose number depends on nothing but the picture. */
#define GMLP__BANDS 64u

/* Light this far outside [0,1] still counts as inside. */
#define GMLP__GAMUT_TOLERANCE 1e-6f
/* The curves' error at most, in 8-bit codes, with room to spare. */
#define GMLP__CODE8_ERROR (1.0f / 4096.0f)

/* The decoder's network in 16-bit fixed point, for inputs that are codes: whole numbers have no order of summation,
   and a multiplier takes twice as many of them as floats. A word holds a pair, of neurons 2i (low half) and 2i + 1.
      h1 = max(0, line[row] + column's + red's + green's + blue's + windows' means')   16 bits; each term from a table
      h2 = max(0, b2 + W2 h1) >> 16                                                    32 bits, of which 16 stay
      out = (W3 h2) * scale + bias                                                     32 bits, then float
   Each neuron has a factor of its own, so that neither sum can leave its bits (gmlp__fixed_init). */
typedef struct gmlp__fixed {
    size_t pairs;                       /* of neurons in a layer, a multiple of 4 */
    int windows;                        /* how many there are */
    const int32_t *columns;             /* [width][pairs], by column of the file */
    const int32_t *codes; /* [9][256][pairs], of red, green, blue and the windows' means; 16 words more follow */
    const int32_t *w2;                  /* [pairs / 4][pairs][8]: for 8 neurons, by pair of inputs */
    const int32_t *b2;                  /* [2 * pairs], 0.5 of what stays included */
    const int32_t *w3;                  /* [pairs][3] */
    float scale[3], bias[3];
} gmlp__fixed;

/* Without a branch: in saturated areas nothing could predict one. checked: all callers' codes are written, some by a
   converter that analyzers cannot follow */
GMLP__INLINE int gmlp__saturated(const unsigned char *rgb, int margin) {
    const int r = rgb[0], g = rgb[1], b = rgb[2], rg_min = r < g ? r : g, rg_max = r < g ? g : r;
    const int least = rg_min < b ? rg_min : b, most = rg_max < b ? b : rg_max;
    return ((least <= margin) | (most >= 255 - margin)) & (most != 0) & (least != 255);
}

/* One instruction set's kernels. The passes below fill one table each. */
typedef struct gmlp__kernels {
    /* color. n is a multiple of 16; outputs may be the inputs. unit 1: x is clamped to [0,1] first, NaN to 0;
       2: |x| is below 1.9, the curve sRGB's; 0: infinity stays, and NaN becomes 0x7fc00000 */
    void (*curve)(const gmlp__curve *c, const float *x, float *y, size_t n, int unit);
    /* to [0,top], NaN to 0 */
    void (*clamp)(const float *x, float *y, size_t n, float top);
    void (*matrix)(const float m[9], const float *r, const float *g, const float *b, float *ro, float *go, float *bo,
                   size_t n);
    /* rgb *= curve(luminance), the system gamma of HLG */
    void (*system_gamma)(const gmlp__curve *c, float *r, float *g, float *b, size_t n);
    /* pixels to planes: 8 bits, step (3 or 4) bytes a pixel, by a table of 256; packed pixels of three channels as
       shares of 65535; from half */
    void (*load8)(const unsigned char *rgb, size_t step, const float *table, float *r, float *g, float *b, size_t n);
    void (*load16)(const unsigned char *rgb, float *r, float *g, float *b, size_t n);
    void (*load_half)(const unsigned char *rgb, float *r, float *g, float *b, size_t n);
    /* 8-bit pixels to planes of light in another space: the shares[channel][code][4] that the three codes have in red,
       green and blue light, added in turn. The three tables follow each other */
    void (*mix8)(const unsigned char *rgb, size_t step, const float *shares, float *r, float *g, float *b, size_t n);
    /* sYCC to planes of R'G'B' */
    void (*from_ycc)(const unsigned char *ycc, size_t step, float *r, float *g, float *b, size_t n);
    /* mix8, then curve (near, below) and packed 16-bit pixels; NULL: done one after the other it is as fast */
    void (*recode)(const unsigned char *rgb, size_t step, const float *shares, const gmlp__curve *c, float offset,
                   unsigned char *out, size_t n);
    /* A plane to codes. 8 bits: y * 255 + offset, rounded; where that is in doubt light x decides, with the table of
       each code's least light */
    void (*quantize8)(const float *x, const float *y, const float *table, float offset, int32_t *codes, size_t n);
    /* y * last + offset, rounded */
    void (*quantize)(const float *y, float last, float offset, int32_t *codes, size_t n);
    /* floats of 5 bits of exponent and 10, 6 or 5 of mantissa; those of 6 and 5 have no sign: below 0 and NaN become 0,
       what is beyond the largest finite one becomes that */
    void (*shorten)(const float *y, int mantissa, int32_t *codes, size_t n);
    /* three planes to three mantissas of 9 bits and an exponent of 5 (VK_FORMAT_E5B9G9R9_UFLOAT_PACK32). Planes here
       and below lie GMLP__PORTION apart */
    void (*share_exponent)(const float *y, int32_t *codes, size_t n);
    /* planes of codes to packed pixels: 3 channels of 8 bits, 3 of 16, 4 of 16; 32-bit words, channel k shifted by
       k * step, at most 31 */
    void (*put8)(const int32_t *codes, unsigned char *out, size_t n);
    void (*put16)(const int32_t *codes, unsigned char *out, size_t n);
    /* quantize (65535) of three planes and put16 in one */
    void (*store16)(const float *y, float offset, unsigned char *out, size_t n);
    void (*put16x4)(const int32_t *codes, unsigned char *out, size_t n);
    void (*put_words)(const int32_t *codes, int step, unsigned char *out, size_t n);
    /* the places of the saturated pixels among n, and how many there are; index has room for n. channels: 3 or 4 */
    size_t (*saturated)(const unsigned char *rgb, int channels, size_t n, int margin, uint32_t *index);
    /* the same of R'G'B': flag = 1 with a channel up to margin, or from 1 - margin on, unless all three are black, or
       white, but for half an 8-bit code; else 0 */
    void (*near_ends)(const float *r, const float *g, const float *b, float margin, float *flag, size_t n);
    void (*gemm)(const gmlp__gemm *g);
    /* the third layer: out[n][16] = bias + h[n][wide] * w[depth][16], three columns of it, by the same
       chains as gemm; column 3 becomes 0, the others stay. Up to 7 more rows are read and written */
    void (*outputs)(const float *h, size_t wide, const float *w, size_t depth, const float *bias, float *out, size_t n);
    /* features of one input: f[0..2*frequencies-1] = sin, cos of 2^k pi m; may write 15 floats further */
    void (*encode)(float m, size_t frequencies, float *f);
    /* the decoder's network, see gmlp__fixed: the first layer of n pixels, in columns index[n] of a row whose products
       are line, with these packed codes and windows' means (two words a pixel); writes up to 15 words past
       h[n][pairs] */
    void (*look_up)(const gmlp__fixed *f, const int32_t *line, const uint32_t *index, const unsigned char *codes,
                    const int32_t *const means[GMLP_WINDOWS], size_t n, int32_t *h);
    /* and the other two; n a multiple of 32 */
    void (*finish)(const gmlp__fixed *f, const int32_t *h, size_t n, float *const out[3]);
    /* sum[i] += in[i] - out[i]; out may be NULL */
    void (*add_codes)(uint16_t *sum, const unsigned char *in, const unsigned char *out, size_t n);
    /* 54 red + 183 green + 19 blue (gmlp__luma), summed over n <= 8192 pixels of 3 or 4 channels */
    uint32_t (*sum_codes)(const unsigned char *codes, int channels, size_t n);
    /* halves of n words, n a multiple of 16: ((x + half) * factor >> 16) * last >> 16, without signs */
    void (*divide)(int32_t *x, uint32_t half, uint32_t factor, uint32_t last, size_t n);
    /* x = sin x, and c = cos x unless it is NULL; n a multiple of 16 */
    void (*sine)(float *x, float *c, size_t n);
    /* p = p + x, clamped to [0,1] (NaN: 0); n a multiple of 16 */
    void (*correct)(const float *x, float *p, size_t n);
#ifndef GMLP_DECODE_ONLY
    /* gamut and training */
    /* flag = 1 or 0 for each pixel: with a channel outside [0,1] or NaN; out of gamut. n <= 2^20;
       both return the sum */
    float (*outside)(const float *r, const float *g, const float *b, float *flag, size_t n);
    float (*out_of_gamut)(const float *r, const float *g, const float *b, float *flag, size_t n);
    /* copies blocks of size[i] floats from row at[n][i] of table i, one after the other, for each of
       n samples; may write 15 floats past each block, before the next block is written */
    void (*gather)(const float *const *table, const uint32_t *size, const uint32_t (*at)[GMLP_INPUTS], size_t inputs,
                   size_t n, float *f, size_t f_row);
    /* x *= y, x += y; n a multiple of 16 */
    void (*scale)(float *x, const float *y, size_t n);
    void (*add)(float *x, const float *y, size_t n);
    /* d = factor * (x - y); n a multiple of 16 */
    void (*error)(const float *x, const float *y, float factor, float *d, size_t n);
    /* sum[cols] += each of the rows of d in turn */
    void (*columns)(const float *d, size_t rows, size_t cols, float *sum);
    /* one Adam step with constants of gmlp__adam_constants; n a multiple of 16 */
    void (*adam)(const float *k, const float *g, float *w, float *m, float *v, size_t n);
    /* momentum with a look ahead: m = factor m + g, u = factor m + g; n a multiple of 16 */
    void (*momentum)(float factor, const float *g, float *m, float *u, size_t n);
    /* y = factor x; y += factor x; n a multiple of 16 */
    void (*times)(float factor, const float *x, float *y, size_t n);
    void (*add_times)(float factor, const float *x, float *y, size_t n);
    /* y = the multiple of step next to x, at most limit of them; n a multiple of 16 */
    void (*to_steps)(float step, float limit, const float *x, float *y, size_t n);
#endif
} gmlp__kernels;

#ifndef GMLP_NO_LETNET
/* A 3x3 convolution of a plane (>>letnet): in is its first pixel, of the border, with row pixels a row; out the first
   one inside. Every element is one chain of fused multiply-adds: bias (NULL: 0), then weights[row][column][depth][cols]
   in ascending order. cols is a multiple of 16. Up to 8 pixels past the last may be read (never used). */
typedef struct gmlp__conv {
    const float *in, *weights, *bias;
    float *out;
    size_t depth, cols, row, width, height;
} gmlp__conv;

/* One instruction set's kernels of >>letnet: a table of its own, so that who does not use them is spared them. */
typedef struct gmlp__letnet_kernels {
    void (*conv)(const gmlp__conv *v);
    /* out = tanh(x + y), y may be NULL; n a multiple of 16. Absolute error below 5e-7; of NaN -1 */
    void (*squash)(const float *x, const float *y, float *out, size_t n);
    /* out = s[c] * u + x of pixels of c floats */
    void (*gate)(const float *s, const float *u, const float *x, float *out, size_t pixels, size_t c);
    /* out = x - y; n a multiple of 16 */
    void (*subtract)(const float *x, const float *y, float *out, size_t n);
    /* lane[i % 64] = the sum of x[i] * y[i]; n a multiple of 64 */
    void (*dot)(const float *x, const float *y, float lane[64], size_t n);
    /* out = the sum of alpha[k] * x[k]; n a multiple of 16 */
    void (*blend)(const float *const *x, const float *alpha, size_t count, float *out, size_t n);
#ifndef GMLP_DECODE_ONLY
    /* d *= 1 - y * y; n a multiple of 16 */
    void (*squash_back)(const float *y, float *d, size_t n);
#endif
} gmlp__letnet_kernels;
#endif

/* Feature j of the encoding is sin(pi (frequency m + phase)): sine and cosine in turn. */
static const float gmlp__frequency[2 * GMLP_MAX_FREQUENCIES] = {
    1.0f, 1.0f, 2.0f, 2.0f, 4.0f, 4.0f, 8.0f, 8.0f, 16.0f, 16.0f, 32.0f, 32.0f, 64.0f, 64.0f, 128.0f, 128.0f,
    256.0f, 256.0f, 512.0f, 512.0f, 1024.0f, 1024.0f, 2048.0f, 2048.0f,
    4096.0f, 4096.0f, 8192.0f, 8192.0f, 16384.0f, 16384.0f, 32768.0f, 32768.0f};
static const float gmlp__phase[2 * GMLP_MAX_FREQUENCIES] = {
    0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f,
    0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f, 0.0f, 0.5f};

/* BT.709 luma in 256ths, for 16 pixels of 3 and of 4 channels. */
#define GMLP__LUMA_RGB 54, 183, 19, 54, 183, 19, 54, 183, 19, 54, 183, 19
#define GMLP__LUMA_RGBA 54, 183, 19, 0, 54, 183, 19, 0, 54, 183, 19, 0, 54, 183, 19, 0
static const int16_t gmlp__luma[2][64] = {
    {GMLP__LUMA_RGB, GMLP__LUMA_RGB, GMLP__LUMA_RGB, GMLP__LUMA_RGB},
    {GMLP__LUMA_RGBA, GMLP__LUMA_RGBA, GMLP__LUMA_RGBA, GMLP__LUMA_RGBA}
};
#undef GMLP__LUMA_RGB
#undef GMLP__LUMA_RGBA

#define GMLP__PASS_SCALAR 1
#define GMLP__PASS_AVX2 2
#define GMLP__PASS_AVX512 3
#define GMLP__PASS_NEON 4
#define GMLP__PASS_SSE41 5
#define GMLP__PASS_WASM 6
#ifndef GMLP__HAS_WASM /* which is all that its machine can run: the other one would be a third of the module */
#define GMLP__PASS GMLP__PASS_SCALAR
#include GMLP_HEADER_FILENAME
#undef GMLP__PASS
#endif
#ifdef GMLP__HAS_SSE41
#define GMLP__PASS GMLP__PASS_SSE41
#include GMLP_HEADER_FILENAME
#undef GMLP__PASS
#endif
#ifdef GMLP__HAS_AVX2
#define GMLP__PASS GMLP__PASS_AVX2
#include GMLP_HEADER_FILENAME
#undef GMLP__PASS
#endif
#ifdef GMLP__HAS_AVX512
#if defined(__GNUC__) && !defined(__clang__) /* gcc 12 warns about its own intrinsics (bug 105593) */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wsign-conversion" /* its macros at -O0 */
#endif
#define GMLP__PASS GMLP__PASS_AVX512
#include GMLP_HEADER_FILENAME
#undef GMLP__PASS
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
#ifdef GMLP__HAS_NEON
#define GMLP__PASS GMLP__PASS_NEON
#include GMLP_HEADER_FILENAME
#undef GMLP__PASS
#endif
#ifdef GMLP__HAS_WASM
#define GMLP__PASS GMLP__PASS_WASM
#include GMLP_HEADER_FILENAME
#undef GMLP__PASS
#endif

/* The table for opts.isa; NULL if it is not available. */
static const gmlp__kernels *gmlp__select(int isa) {
    const int best = gmlp__isa_best();
    if (isa == GMLP_ISA_AUTO) isa = best;
    if (!gmlp__isa_within(isa, best)) return NULL;
    switch (isa) {
#ifndef GMLP__HAS_WASM
        case GMLP_ISA_SCALAR: return &gmlp__kernels_scalar;
#endif
#ifdef GMLP__HAS_AVX2
        case GMLP_ISA_AVX2: return &gmlp__kernels_avx2;
#endif
#ifdef GMLP__HAS_AVX512
        case GMLP_ISA_AVX512: return &gmlp__kernels_avx512;
#endif
#ifdef GMLP__HAS_NEON
        case GMLP_ISA_NEON: return &gmlp__kernels_neon;
#endif
#ifdef GMLP__HAS_SSE41
        case GMLP_ISA_SSE41: return &gmlp__kernels_sse41;
#endif
#ifdef GMLP__HAS_WASM
        case GMLP_ISA_WASM: return &gmlp__kernels_wasm;
#endif
        default: return NULL;
    }
}

#ifndef GMLP_NO_LETNET
static const gmlp__letnet_kernels *gmlp__letnet_select(const gmlp__kernels *k) {
#ifdef GMLP__HAS_AVX2
    if (k == &gmlp__kernels_avx2) return &gmlp__letnet_kernels_avx2;
#endif
#ifdef GMLP__HAS_AVX512
    if (k == &gmlp__kernels_avx512) return &gmlp__letnet_kernels_avx512;
#endif
#ifdef GMLP__HAS_NEON
    if (k == &gmlp__kernels_neon) return &gmlp__letnet_kernels_neon;
#endif
#ifdef GMLP__HAS_SSE41
    if (k == &gmlp__kernels_sse41) return &gmlp__letnet_kernels_sse41;
#endif
    (void)k;
#ifdef GMLP__HAS_WASM
    return &gmlp__letnet_kernels_wasm;
#else
    return &gmlp__letnet_kernels_scalar;
#endif
}
#endif

/* ---------------------------------------------------------------------------------------
   >>color: spaces, curves, matrices, conversion of rows
*/
/* Published chromaticities: red, green, blue, white, each CIE x, y. Everything else about the
   primaries is derived from these. CSS Color 4 and the ACES documents agree on all of them. */
typedef struct gmlp__space {
    const char *name, *linear_name;
    double xy[8];
} gmlp__space;
#define GMLP__D65 0.3127, 0.3290
#define GMLP__REC2020_XY 0.708, 0.292, 0.170, 0.797, 0.131, 0.046, GMLP__D65
static const gmlp__space gmlp__spaces[12] = {
    {NULL, NULL, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"srgb", "srgb-linear", {0.64, 0.33, 0.30, 0.60, 0.15, 0.06, GMLP__D65}},         /* IEC 61966-2-1, ITU-R BT.709 */
    {"p3", "p3-linear", {0.680, 0.320, 0.265, 0.690, 0.150, 0.060, GMLP__D65}},       /* SMPTE RP 431-2 */
    {"adobergb", "adobergb-linear", {0.64, 0.33, 0.21, 0.71, 0.15, 0.06, GMLP__D65}}, /* Adobe RGB (1998) 2005-05 */
    {"prophoto", "prophoto-linear", {0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001, 0.3457, 0.3585}}, /* ISO 22028-2 */
    {"rec2020", "rec2020-linear", {GMLP__REC2020_XY}},                              /* ITU-R BT.2020 */
    {"rec2020pq", NULL, {GMLP__REC2020_XY}},                                        /* ITU-R BT.2100 */
    {"rec2020hlg", NULL, {GMLP__REC2020_XY}},                                       /* ITU-R BT.2100 */
    {"aces", NULL, {0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, 0.32168, 0.33767}},  /* SMPTE ST 2065-1 */
    {"acescg", NULL, {0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767}}, /* S-2014-004 */
    {"rec709", NULL, {0.64, 0.33, 0.30, 0.60, 0.15, 0.06, GMLP__D65}},              /* ITU-R BT.709 */
    {"sycc", NULL, {0.64, 0.33, 0.30, 0.60, 0.15, 0.06, GMLP__D65}}                 /* IEC 61966-2-1 Amendment 1 */
};
#undef GMLP__D65
#undef GMLP__REC2020_XY

/* Cone responses from XYZ: Lam 1985 (Bradford, as ICC.1 Annex E has it) and CIECAM02. */
static const double gmlp__cones[2][9] = {
    {0.8951, 0.2664, -0.1614, -0.7502, 1.7135, 0.0367, 0.0389, -0.0685, 1.0296},
    {0.7328, 0.4296, -0.1624, -0.7036, 1.6975, 0.0061, 0.0030, 0.0136, 0.9834}
};

/* The space's row of the table, or NULL. */
static const gmlp__space *gmlp__space_of(int space) {
    if (space >= GMLP_SRGB && space <= GMLP_SYCC) return &gmlp__spaces[space];
    if (space >= GMLP_SRGB_LINEAR && space <= GMLP_REC2020_LINEAR) return &gmlp__spaces[space - GMLP_LINEAR];
    return NULL;
}

GMLP_DEF const char *gmlp_space_name(int space) {
    const gmlp__space *s = gmlp__space_of(space);
    if (!s) return NULL;
    return space >= GMLP_LINEAR ? s->linear_name : s->name;
}

GMLP_DEF int gmlp_space_from_name(const char *name) {
    int space;
    if (!name) return GMLP_SPACE_NONE;
    for (space = GMLP_SRGB; space <= GMLP_REC2020_LINEAR; space++) {
        const char *known = gmlp_space_name(space);
        if (known && !strcmp(known, name)) return space;
    }
    return GMLP_SPACE_NONE;
}

GMLP_DEF int gmlp_space_is_linear(int space) {
    return gmlp__space_of(space) && (space >= GMLP_LINEAR || space == GMLP_ACES2065_1 || space == GMLP_ACESCG);
}

/* term[0] + term[1] x + ..., n of them, an even number: in two sums, which do not wait for each other. */
static double gmlp__series(const double *term, int n, double x) {
    const double square = gmlp__dmul(x, x);
    double even = term[n - 2], odd = term[n - 1];
    while ((n -= 2) != 0) {
        even = gmlp__dmul(even, square) + term[n - 2];
        odd = gmlp__dmul(odd, square) + term[n - 1];
    }
    return even + gmlp__dmul(odd, x);
}

/* Logarithm and exponential to base 2, to about an ulp. x is positive and normal. */
static double gmlp__log2(double x) {
    static const double term[10] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,  1.0 / 9.0,
                                    1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0};
    uint64_t u;
    double e, s;
    memcpy(&u, &x, 8);
    e = (double)(int)(u >> 52) - 1023.0;
    u = (u & 0xfffffffffffffu) | 0x3ff0000000000000u;
    memcpy(&x, &u, 8);
    if (x > 1.4142135623730951) {
        x *= 0.5;
        e += 1.0;
    }
    s = (x - 1.0) / (x + 1.0);
    /* atanh(s) / s, of which |s| < 0.1716 leaves 3e-17; 2 / ln 2 */
    return e + gmlp__dmul(gmlp__dmul(s, gmlp__series(term, 10, s * s)), 2.8853900817779268);
}

static double gmlp__exp2(double x) {
    static const double term[14] = { /* 1 / i! */
        1.0, 1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0, 1.0 / 40320.0,
        1.0 / 362880.0, 1.0 / 3628800.0, 1.0 / 39916800.0, 1.0 / 479001600.0, 1.0 / 6227020800.0};
    double scale;
    uint64_t u;
    int e;
    if (!(x > -1022.0)) return 0.0;
    if (x >= 1023.5) x = 1023.49;
    e = (int)(x + 1023.5);
    u = (uint64_t)e << 52;
    memcpy(&scale, &u, 8);
    return gmlp__series(term, 14, gmlp__dmul(x - (double)(e - 1023), 0.69314718055994531)) * scale;
}

/* x^p for x > 0, else 0; relative error about 1e-15 * (1 + |p log2 x|). */
static double gmlp__pow(double x, double p) {
    return x >= 2.2250738585072014e-308 ? gmlp__exp2(gmlp__dmul(gmlp__log2(x), p)) : 0.0;
}

#if !defined(GMLP_DECODE_ONLY) || !defined(GMLP_NO_LETNET)
static double gmlp__sqrt(double x) { /* Newton from a bit-level guess; to a few units in the last place */
    double y;
    uint64_t u;
    int i;
    memcpy(&u, &x, 8);
    u = (u >> 1) + 0x1ff7a3bea91d9b1bu;
    memcpy(&y, &u, 8);
    for (i = 0; i < 5; i++) y = 0.5 * (y + x / y);
    return y;
}
#endif

/* 3x3 matrices, row by row. r may not be an operand. */
static void gmlp__matrix_multiply(const double a[9], const double b[9], double r[9]) {
    int i, j;
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            r[i * 3 + j] = gmlp__dmul(a[i * 3], b[j]) + gmlp__dmul(a[i * 3 + 1], b[3 + j]) +
                           gmlp__dmul(a[i * 3 + 2], b[6 + j]);
}

static void gmlp__matrix_invert(const double a[9], double r[9]) {
    double d;
    int i, j;
    for (i = 0; i < 3; i++) {
        for (j = 0; j < 3; j++) { /* cofactors, transposed */
            const double *p = a + (j + 1) % 3 * 3, *q = a + (j + 2) % 3 * 3;
            const int m = (i + 1) % 3, n = (i + 2) % 3;
            r[i * 3 + j] = gmlp__dmul(p[m], q[n]) - gmlp__dmul(p[n], q[m]);
        }
    }
    d = gmlp__dmul(a[0], r[0]) + gmlp__dmul(a[1], r[3]) + gmlp__dmul(a[2], r[6]);
    for (i = 0; i < 9; i++) r[i] /= d;
}

static void gmlp__matrix_apply(const double m[9], const double v[3], double r[3]) {
    int i;
    for (i = 0; i < 3; i++)
        r[i] = gmlp__dmul(m[i * 3], v[0]) + gmlp__dmul(m[i * 3 + 1], v[1]) + gmlp__dmul(m[i * 3 + 2], v[2]);
}

static void gmlp__xyz_of_xy(const double xy[2], double xyz[3]) {
    xyz[0] = xy[0] / xy[1];
    xyz[1] = 1.0;
    xyz[2] = (1.0 - xy[0] - xy[1]) / xy[1];
}

/* The primaries, scaled so that they add up to white (SMPTE RP 177). */
static void gmlp__space_to_xyz(const gmlp__space *s, double m[9]) {
    double p[9], inverse[9], white[3], scale[3];
    int i;
    for (i = 0; i < 3; i++) { /* any scale will do here, so no division by y */
        p[i] = s->xy[2 * i];
        p[3 + i] = s->xy[2 * i + 1];
        p[6 + i] = 1.0 - s->xy[2 * i] - s->xy[2 * i + 1];
    }
    gmlp__xyz_of_xy(s->xy + 6, white);
    gmlp__matrix_invert(p, inverse);
    gmlp__matrix_apply(inverse, white, scale);
    for (i = 0; i < 9; i++) m[i] = p[i] * scale[i % 3];
}

GMLP_DEF gmlp_result gmlp_space_to_xyz(int space, double m[9]) {
    const gmlp__space *s = gmlp__space_of(space);
    gmlp__fp_state fp;
    if (!s || !m) return GMLP_E_ARGUMENT;
    fp = gmlp__fp_enter();
    gmlp__space_to_xyz(s, m);
    gmlp__fp_leave(fp);
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_space_white(int space, double xy[2]) {
    const gmlp__space *s = gmlp__space_of(space);
    if (!s || !xy) return GMLP_E_ARGUMENT;
    xy[0] = s->xy[6];
    xy[1] = s->xy[7];
    return GMLP_OK;
}

/* Exactly the identity if both have the same primaries and white. */
static void gmlp__space_matrix(const gmlp__space *from, const gmlp__space *to, int adaptation, double m[9]) {
    const double *cones = gmlp__cones[adaptation];
    double a[9], b[9], c[9], white[3], lms_from[3], lms_to[3];
    int i;
    if (!memcmp(from->xy, to->xy, sizeof from->xy)) {
        for (i = 0; i < 9; i++) m[i] = i % 4 ? 0.0 : 1.0;
        return;
    }
    gmlp__space_to_xyz(from, m);
    if (memcmp(from->xy + 6, to->xy + 6, 2 * sizeof(double))) {
        gmlp__xyz_of_xy(from->xy + 6, white);
        gmlp__matrix_apply(cones, white, lms_from);
        gmlp__xyz_of_xy(to->xy + 6, white);
        gmlp__matrix_apply(cones, white, lms_to);
        gmlp__matrix_invert(cones, b);
        for (i = 0; i < 9; i++) a[i] = cones[i] * (lms_to[i / 3] / lms_from[i / 3]);
        gmlp__matrix_multiply(b, a, c);
        memcpy(a, m, sizeof a);
        gmlp__matrix_multiply(c, a, m);
    }
    gmlp__space_to_xyz(to, a);
    gmlp__matrix_invert(a, b);
    memcpy(a, m, sizeof a);
    gmlp__matrix_multiply(b, a, m);
}

GMLP_DEF gmlp_result gmlp_space_matrix(int from, int to, int adaptation, double m[9]) {
    const gmlp__space *f = gmlp__space_of(from), *t = gmlp__space_of(to);
    gmlp__fp_state fp;
    if (!f || !t || !m || (adaptation != GMLP_BRADFORD && adaptation != GMLP_CAT02)) return GMLP_E_ARGUMENT;
    fp = gmlp__fp_enter();
    gmlp__space_matrix(f, t, adaptation, m);
    gmlp__fp_leave(fp);
    return GMLP_OK;
}

/* Curves: below a toe linear, above it code = a x^p - (a - 1). Where the two meet is each
   standard's own number, in linear light and in code. */
typedef struct gmlp__gamma {
    double p, a, slope, linear_end, code_end;
} gmlp__gamma;

static const gmlp__gamma *gmlp__gamma_of(int space) {
    static const gmlp__gamma srgb = {1.0 / 2.4, 1.055, 12.92, 0.0031308, 0.04045}; /* IEC 61966-2-1 */
    static const gmlp__gamma adobe = {256.0 / 563.0, 1.0, 0.0, 0.0, 0.0};
    static const gmlp__gamma bt1886 = {1.0 / 2.4, 1.0, 0.0, 0.0, 0.0};
    static const gmlp__gamma romm = {1.0 / 1.8, 1.0, 16.0, 1.0 / 512.0, 1.0 / 32.0}; /* ISO 22028-2 */
    /* ITU-R BT.2020 gives alpha and beta by the condition that value and slope meet */
    static const gmlp__gamma rec2020 = {0.45, 1.09929682680944, 4.5, 0.018053968510807, 4.5 * 0.018053968510807};
    switch (space) {
        case GMLP_SRGB: case GMLP_P3: case GMLP_SYCC: return &srgb;
        case GMLP_ADOBERGB: return &adobe;
        case GMLP_PROPHOTO: return &romm;
        case GMLP_REC2020: return &rec2020;
        case GMLP_REC709: return &bt1886;
        default: return NULL;
    }
}

/* SMPTE ST 2084 and ITU-R BT.2100: PQ between code and light / 10000 cd/m2. */
#define GMLP__PQ_M1 (2610.0 / 16384.0)
#define GMLP__PQ_M2 (2523.0 / 32.0)
#define GMLP__PQ_C1 (107.0 / 128.0)
#define GMLP__PQ_C2 (2413.0 / 128.0)
#define GMLP__PQ_C3 (2392.0 / 128.0)

/* y: x^m1; code^(1 / m2) */
static double gmlp__pq_encode(double y) {
    return gmlp__pow((gmlp__dmul(GMLP__PQ_C2, y) + GMLP__PQ_C1) / (gmlp__dmul(GMLP__PQ_C3, y) + 1.0), GMLP__PQ_M2);
}

static double gmlp__pq_decode(double y) {
    if (!(y < 1.0)) y = 1.0;
    return gmlp__pow((y - GMLP__PQ_C1) / (GMLP__PQ_C2 - gmlp__dmul(GMLP__PQ_C3, y)), 1.0 / GMLP__PQ_M1);
}

/* ARIB STD-B67 and ITU-R BT.2100: HLG between code and scene light. b and c follow from a. */
#define GMLP__HLG_A 0.17883277
#define GMLP__HLG_B (1.0 - 4.0 * GMLP__HLG_A)
#define GMLP__HLG_C 0.55991072952956202 /* 0.5 - a ln(4 a) */
#define GMLP__LN2 0.69314718055994531

/* y: the root of 12 times the light */
static double gmlp__hlg_encode(double y) {
    if (y <= 1.0) return 0.5 * y;
    return gmlp__dmul(GMLP__HLG_A * GMLP__LN2, gmlp__log2(gmlp__dmul(y, y) - GMLP__HLG_B)) + GMLP__HLG_C;
}

static double gmlp__hlg_decode(double code) {
    if (code <= 0.5) return code * code / 3.0;
    return (gmlp__exp2((code - GMLP__HLG_C) / (GMLP__HLG_A * GMLP__LN2)) + GMLP__HLG_B) / 12.0;
}

/* The nits of linear 1, and the light of an HLG code of 1. */
#define GMLP__WHITE_NITS 203.0
#define GMLP__PQ_NITS 10000.0
#define GMLP__HLG_NITS 1000.0

/* x >= 0 */
static double gmlp__curve_encode(int space, double x, double white_nits) {
    const gmlp__gamma *g = gmlp__gamma_of(space);
    if (g)
        return g->slope > 0.0 && x <= g->linear_end ? g->slope * x
                                                    : gmlp__dmul(g->a, gmlp__pow(x, g->p)) - (g->a - 1.0);
    if (space == GMLP_REC2020_PQ) return gmlp__pq_encode(gmlp__pow(x * white_nits / GMLP__PQ_NITS, GMLP__PQ_M1));
    if (space == GMLP_REC2020_HLG) return gmlp__hlg_encode(gmlp__pow(12.0 * x, 0.5));
    return x;
}

static double gmlp__curve_decode(int space, double x, double white_nits) {
    const gmlp__gamma *g = gmlp__gamma_of(space);
    if (g) return g->slope > 0.0 && x <= g->code_end ? x / g->slope : gmlp__pow((x + (g->a - 1.0)) / g->a, 1.0 / g->p);
    if (space == GMLP_REC2020_PQ)
        return gmlp__pq_decode(gmlp__pow(x, 1.0 / GMLP__PQ_M2)) * (GMLP__PQ_NITS / white_nits);
    if (space == GMLP_REC2020_HLG) return gmlp__hlg_decode(x);
    return x;
}

/* NaN and infinity come back as they are. */
static double gmlp__curve_odd(double (*curve)(int, double, double), int space, double x, double white_nits) {
    gmlp__fp_state fp;
    double y;
    if (!(x - x == 0.0)) return x;
    fp = gmlp__fp_enter();
    if (white_nits == 0.0) white_nits = GMLP__WHITE_NITS;
    y = curve(space, x < 0.0 ? -x : x, white_nits);
    gmlp__fp_leave(fp);
    return x < 0.0 ? -y : y;
}

GMLP_DEF double gmlp_curve_decode(int space, double code, double white_nits) {
    return gmlp__curve_odd(gmlp__curve_decode, space, code, white_nits);
}

GMLP_DEF double gmlp_curve_encode(int space, double linear, double white_nits) {
    return gmlp__curve_odd(gmlp__curve_encode, space, linear, white_nits);
}

/* Half precision. */
GMLP_DEF uint16_t gmlp_half_from_float(float v) {
    uint32_t u, sign, rest;
    memcpy(&u, &v, 4);
    sign = u >> 16 & 0x8000u;
    u &= 0x7fffffffu;
    if (u > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (u >> 13 & 0x3ffu)); /* NaN, quiet */
    if (u >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);                     /* rounds to 65536 or more */
    if (u >= 0x38800000u) {                                                      /* normal half */
        u -= 0x38000000u;
        return (uint16_t)(sign | ((u + 0xfffu + (u >> 13 & 1)) >> 13));
    }
    if (u < 0x33000000u) return (uint16_t)sign; /* below half of the smallest */
    rest = 126u - (u >> 23);                    /* 14..24 bits go */
    u = (u & 0x7fffffu) | 0x800000u;
    return (uint16_t)(sign | ((u + (1u << (rest - 1)) - 1u + (u >> rest & 1)) >> rest));
}

GMLP_DEF float gmlp_half_to_float(uint16_t v) {
    const uint32_t sign = (uint32_t)(v & 0x8000u) << 16, e = v >> 10 & 31u, m = v & 0x3ffu;
    uint32_t u;
    float f;
    if (e == 0) { /* m * 2^-24 is exact */
        f = (float)m * 5.9604644775390625e-8f;
        memcpy(&u, &f, 4);
        u |= sign;
    } else {
        u = sign | (e == 31 ? 0x7f800000u : (e + 112u) << 23) | m << 13;
    }
    memcpy(&f, &u, 4);
    return f;
}

/* The polynomial through n values at nodes, by Newton's divided differences, multiplied out: terms
   are for powers of the argument, lowest first. */
static void gmlp__interpolate(const double *nodes, const double *values, int n, float *terms) {
    double d[GMLP__POWER_TERMS], p[GMLP__POWER_TERMS];
    int i, j;
    for (i = 0; i < n; i++) d[i] = values[i];
    for (j = 1; j < n; j++)
        for (i = n - 1; i >= j; i--) d[i] = (d[i] - d[i - 1]) / (nodes[i] - nodes[i - j]);
    for (i = 0; i < n; i++) p[i] = 0.0;
    for (j = n - 1; j >= 0; j--) {
        /* checked: all n are set above */
        for (i = n - 1; i > 0; i--) p[i] = p[i - 1] - gmlp__dmul(p[i], nodes[j]);
        p[0] = d[j] - gmlp__dmul(p[0], nodes[j]);
    }
    for (i = 0; i < n; i++) terms[i] = (float)p[i];
}

/* factor * x^p */
static void gmlp__curve_power(gmlp__curve *c, double p, double factor) {
    /* cos(pi (2 i + 1) / 16) / 2 */
    static const double node[GMLP__POWER_TERMS] = {
        0.49039264020161522, 0.41573480615127262, 0.27778511650980111, 0.097545161008064134,
        -0.097545161008064134, -0.27778511650980111, -0.41573480615127262, -0.49039264020161522};
    double value[GMLP__POWER_TERMS];
    int i;
    for (i = 0; i < GMLP__POWER_TERMS; i++) value[i] = gmlp__pow(1.5 + node[i], p);
    gmlp__interpolate(node, value, GMLP__POWER_TERMS, c->term);
    for (i = 0; i < 256; i++) {
        const double v = factor * gmlp__exp2(p * (double)(i - 127));
        c->octave[i] = v < 3.4028234e38 ? (float)v : 3.4028234e38f;
    }
    c->octave[0] = 0.0f; /* zero, and what is next to it */
    c->kind = GMLP_CURVE_POWER;
    c->in_scale = 1.0f;
}

/* A curve in segments: f(x^power), of x from 2^low to 2^high; below, a line to zero. */
typedef struct gmlp__segments {
    double (*f)(double), power;
    int low, high;
} gmlp__segments;

/* That of in_scale * x, times out_scale. An octave's powers are those of another times a number. */
static void gmlp__curve_segments(gmlp__curve *c, const gmlp__segments *g, double in_scale, double out_scale,
                                 float *segment) {
    /* cos(pi (2 i + 1) / 8) / 2 */
    static const double node[4] = {0.46193976625564337, 0.19134171618254489, -0.19134171618254489,
                                   -0.46193976625564337};
    enum { PER_OCTAVE = 1 << GMLP__SEGMENT_BITS };
    const int count = (g->high - g->low) * PER_OCTAVE;
    double value[4], powers[PER_OCTAVE * 4], octave = 0.0;
    int s, i;
    for (i = 0; i < PER_OCTAVE * 4; i++)
        powers[i] = gmlp__pow(1.0 + ((double)(i / 4) + 0.5 + node[i % 4]) / (double)PER_OCTAVE, g->power);
    for (s = 0; s < count; s++) {
        if (s % PER_OCTAVE == 0) octave = gmlp__exp2((double)(g->low + s / PER_OCTAVE) * g->power);
        for (i = 0; i < 4; i++) value[i] = g->f(octave * powers[s % PER_OCTAVE * 4 + i]) * out_scale;
        gmlp__interpolate(node, value, 4, segment + s * 4);
    }
    c->kind = GMLP_CURVE_SEGMENTS;
    c->segment = segment;
    c->segments = (size_t)count;
    c->in_scale = (float)in_scale;
    c->bottom = (float)gmlp__exp2((double)g->low);
    c->top = (float)(gmlp__exp2((double)g->high) * (1.0 - 1.0 / 16777216.0));
    c->toe_slope = (float)(g->f(gmlp__exp2((double)g->low * g->power)) * out_scale) / c->bottom;
    c->segment_base = (g->low + 127) * PER_OCTAVE;
}

/* The octaves that segments are for: of light, of codes. */
enum { GMLP__LIGHT_LOW = -40, GMLP__LIGHT_HIGH = 8, GMLP__CODE_LOW = -17, GMLP__CODE_HIGH = 1 };

/* Bytes that gmlp__curve_init needs for the curve's segments, a multiple of 8. */
static size_t gmlp__curve_bytes(int space, int encode) {
    const int octaves = encode ? GMLP__LIGHT_HIGH - GMLP__LIGHT_LOW : GMLP__CODE_HIGH - GMLP__CODE_LOW;
    if (space != GMLP_REC2020_PQ && space != GMLP_REC2020_HLG) return 0;
    return ((size_t)octaves << GMLP__SEGMENT_BITS) * 4 * sizeof(float);
}

/* Linear light to code (encode) or back, for the kernels. memory: gmlp__curve_bytes for floats, which the curve keeps
   using; NULL if there are none. */
static void gmlp__curve_init(gmlp__curve *c, int space, int encode, double white_nits, void *memory) {
    const gmlp__gamma *g = gmlp__gamma_of(space);
    /* [PQ or HLG][encode or decode]; HLG of 12 x: its two parts then meet between octaves */
    static const gmlp__segments segments[2][2] = {
        {{gmlp__hlg_decode, 1.0, GMLP__CODE_LOW, GMLP__CODE_HIGH},
         {gmlp__hlg_encode, 0.5, GMLP__LIGHT_LOW, GMLP__LIGHT_HIGH}},
        {{gmlp__pq_decode, 1.0 / GMLP__PQ_M2, GMLP__CODE_LOW, GMLP__CODE_HIGH},
         {gmlp__pq_encode, GMLP__PQ_M1, GMLP__LIGHT_LOW, GMLP__LIGHT_HIGH}}};
    const int is_pq = space == GMLP_REC2020_PQ;
    memset(c, 0, sizeof *c);
    if (g) {
        gmlp__curve_power(c, encode ? g->p : 1.0 / g->p, encode ? g->a : 1.0);
        c->toe_end = (float)(encode ? g->linear_end : g->code_end);
        if (g->slope > 0.0) c->toe_slope = (float)(encode ? g->slope : 1.0 / g->slope);
        if (encode) c->out_offset = (float)(1.0 - g->a);
        else {
            c->in_scale = (float)(1.0 / g->a);
            c->in_offset = (float)((g->a - 1.0) / g->a);
        }
    } else if (is_pq || space == GMLP_REC2020_HLG) {
        const double scale = is_pq ? white_nits / GMLP__PQ_NITS : encode ? 12.0 : 1.0;
        gmlp__curve_segments(c, &segments[is_pq][encode], encode ? scale : 1.0, encode ? 1.0 : 1.0 / scale,
                             (float *)memory);
    }
}

/* Bytes from pixel to pixel, of planes from sample to sample. */
static size_t gmlp__step(int type, int channels, ptrdiff_t plane) {
    return plane ? gmlp__sample_size(type) : gmlp_pixel_size(type, channels);
}

/* Bytes from row to row. */
static ptrdiff_t gmlp__stride(const gmlp_image *im) {
    return im->stride ? im->stride
                      : (ptrdiff_t)(im->width * gmlp__step(im->type, im->channels, im->plane_stride));
}

/* Row y of a view, the first plane's. */
static unsigned char *gmlp__row(const gmlp_image *im, uint32_t y) {
    return (unsigned char *)im->data + (ptrdiff_t)y * gmlp__stride(im);
}

static uint64_t gmlp__away(ptrdiff_t v) { return v < 0 ? 0u - (uint64_t)v : (uint64_t)v; }

/* All but the space. */
static gmlp_result gmlp__check_pixels(const gmlp_image *im) {
    const uint64_t most = (size_t)-1 >> 17 | 0x3fffffff; /* with 65535 rows, places do not overflow */
    uint64_t row, stride, plane, more;
    if (!im || !im->data || !im->width || !im->height) return GMLP_E_ARGUMENT;
    if (im->width > GMLP_MAX_SIZE || im->height > GMLP_MAX_SIZE) return GMLP_E_LIMIT;
    if (!gmlp__channels(im->type, im->channels)) return GMLP_E_ARGUMENT;
    row = (uint64_t)im->width * gmlp__step(im->type, im->channels, im->plane_stride);
    stride = im->stride ? gmlp__away(im->stride) : row;
    if (stride < row || stride > most) return GMLP_E_ARGUMENT;
    if (!im->plane_stride) return GMLP_OK;
    /* planes, or their rows, may not lie in each other: one plane after the other, or row for row */
    plane = gmlp__away(im->plane_stride);
    more = (uint64_t)gmlp__channels(im->type, im->channels) - 1;
    if (!gmlp__sample_size(im->type) || plane < row || plane > most) return GMLP_E_ARGUMENT;
    if ((plane - row) / stride < im->height - 1u && (stride - row) / more < plane) return GMLP_E_ARGUMENT;
    return GMLP_OK;
}

static int gmlp__space_fits(int space, int type) {
    return gmlp__space_of(space) && (space != GMLP_SYCC || type == GMLP_U8);
}

static gmlp_result gmlp__check_image(const gmlp_image *im) {
    gmlp_result result = gmlp__check_pixels(im);
    if (!result && !gmlp__space_fits(im->space, im->type)) result = GMLP_E_ARGUMENT;
    return result;
}

/* What truncating adds to a code of more than 8 bits before it is rounded: a 32nd of a code up, so that codes survive
   the curve's error. */
#define GMLP__TRUNCATE (-0.46875f)

static double gmlp__white_nits(double white_nits) { return white_nits == 0.0 ? GMLP__WHITE_NITS : white_nits; }

static int gmlp__white_nits_ok(double white_nits) {
    white_nits = gmlp__white_nits(white_nits);
    return white_nits > 0.0 && white_nits <= GMLP__PQ_NITS;
}

/* A curve and its segments at *at, which moves on. */
static const gmlp__curve *gmlp__curve_place(unsigned char **at, int space, int encode, double white_nits) {
    gmlp__curve *c = (gmlp__curve *)(void *)*at;
    *at += sizeof *c;
    gmlp__curve_init(c, space, encode, white_nits, *at);
    *at += gmlp__curve_bytes(space, encode);
    return c;
}

static const gmlp__curve *gmlp__power_place(unsigned char **at, double p, double factor) {
    gmlp__curve *c = (gmlp__curve *)(void *)*at;
    *at += sizeof *c;
    memset(c, 0, sizeof *c);
    gmlp__curve_power(c, p, factor);
    return c;
}

static int gmlp__is_8bit(int type) { return type == GMLP_U8 || type == GMLP_BGRA8; }

/* From rows in memory to planes of linear light in the rows' own space. Does not change while it is used, so threads
   share one; a copy may have other channels. */
typedef struct gmlp__loader {
    const gmlp__kernels *kernels;
    int type, channels;
    const gmlp__curve *curve;         /* code to light; NULL: they are the same, or there is a table */
    const gmlp__curve *system_gamma;  /* HLG: display light over scene light; NULL for others */
    const float *table;               /* 8 bits: every code's light; sYCC: NULL */
    int sycc;
} gmlp__loader;

/* Bytes that gmlp__loader_init needs, a multiple of 8. */
static size_t gmlp__loader_bytes(int type, int space) {
    const size_t curve = gmlp__is_8bit(type) && space != GMLP_SYCC ? 256 * sizeof(float)
                         : gmlp_space_is_linear(space) ? 0 : sizeof(gmlp__curve) + gmlp__curve_bytes(space, 0);
    return curve + (space == GMLP_REC2020_HLG ? sizeof(gmlp__curve) : 0);
}

/* memory is aligned to 8 bytes; the loader keeps using it. */
static void gmlp__loader_init(gmlp__loader *l, int type, int space, double white_nits, const gmlp__kernels *kernels,
                              void *memory) {
    unsigned char *at = (unsigned char *)memory;
    int i;
    memset(l, 0, sizeof *l);
    white_nits = gmlp__white_nits(white_nits);
    l->kernels = kernels;
    l->type = type;
    l->channels = gmlp__channels(type, 0);
    if (space == GMLP_REC2020_HLG) /* BT.2100: 1.2 at 1000 cd/m2 */
        l->system_gamma = gmlp__power_place(&at, 0.2, GMLP__HLG_NITS / white_nits);
    l->sycc = space == GMLP_SYCC;
    if (gmlp__is_8bit(type) && !l->sycc) {
        float *table = (float *)(void *)at;
        for (i = 0; i < 256; i++) table[i] = (float)gmlp__curve_decode(space, (double)i / 255.0, white_nits);
        l->table = table;
    } else if (!gmlp_space_is_linear(space)) {
        l->curve = gmlp__curve_place(&at, space, 0, white_nits);
    }
}

/* Pixels of 8 bits as kernels take them, a multiple of 16: *step bytes apart, black after the n-th. packed has room
   for GMLP__PORTION of 4 bytes. */
static const unsigned char *gmlp__codes8(const gmlp__loader *l, const unsigned char *row, ptrdiff_t plane, size_t n,
                                         unsigned char *packed, size_t *step) {
    size_t i;
    *step = plane ? 3 : (size_t)l->channels;
    if (!plane && n % 16 == 0) return row;
    if (plane)
        for (i = 0; i < n; i++) {
            packed[3 * i] = row[i];
            packed[3 * i + 1] = row[plane + (ptrdiff_t)i];
            packed[3 * i + 2] = row[2 * plane + (ptrdiff_t)i];
        }
    else memcpy(packed, row, n * *step);
    memset(packed + n * *step, 0, (GMLP__PAD(n) - n) * *step);
    return packed;
}

/* The same of 16 bits, three channels. R11G11B10F: bits of halves. packed has room for GMLP__PORTION of 6 bytes. */
static const unsigned char *gmlp__codes16(const gmlp__loader *l, const unsigned char *row, ptrdiff_t plane, size_t n,
                                          unsigned char *packed) {
    size_t i;
    if (l->type == GMLP_R11G11B10F)
        for (i = 0; i < n; i++) {
            uint32_t word;
            uint16_t half[3];
            memcpy(&word, row + 4 * i, 4);
            half[0] = (uint16_t)((word & 0x7ffu) << 4);
            half[1] = (uint16_t)((word >> 11 & 0x7ffu) << 4);
            half[2] = (uint16_t)(word >> 22 << 5);
            memcpy(packed + 6 * i, half, 6);
        }
    else if (plane)
        for (i = 0; i < n; i++, row += 2) {
            memcpy(packed + 6 * i, row, 2);
            memcpy(packed + 6 * i + 2, row + plane, 2);
            memcpy(packed + 6 * i + 4, row + 2 * plane, 2);
        }
    else if (l->channels == 4)
        for (i = 0; i < n; i++) memcpy(packed + 6 * i, row + 8 * i, 6);
    else if (n % 16 == 0) return row;
    else memcpy(packed, row, 6 * n);
    memset(packed + 6 * n, 0, (GMLP__PAD(n) - n) * 6);
    return packed;
}

/* What needs no kernel: floats, and words that become floats. */
static void gmlp__load_words(const gmlp__loader *l, const unsigned char *row, ptrdiff_t plane, size_t n, float *r,
                             float *g, float *b) {
    const size_t step = gmlp__step(l->type, l->channels, plane);
    const ptrdiff_t next = plane ? plane : 4;
    uint32_t word, bits;
    size_t i;
    for (i = 0; i < n; i++, row += step) {
        if (l->type == GMLP_F32) {
            memcpy(r + i, row, 4);
            memcpy(g + i, row + next, 4);
            memcpy(b + i, row + 2 * next, 4);
            continue;
        }
        memcpy(&word, row, 4);
        if (l->type == GMLP_RGB10A2) {
            r[i] = (float)(word & 1023u) / 1023.0f;
            g[i] = (float)(word >> 10 & 1023u) / 1023.0f;
            b[i] = (float)(word >> 20 & 1023u) / 1023.0f;
        } else {
            float scale;
            bits = ((word >> 27) + (127u - 24u)) << 23;
            memcpy(&scale, &bits, 4);
            r[i] = (float)(word & 511u) * scale;
            g[i] = (float)(word >> 9 & 511u) * scale;
            b[i] = (float)(word >> 18 & 511u) * scale;
        }
    }
    for (; i % 16; i++) r[i] = g[i] = b[i] = 0.0f;
}

/* The fourth channel of n pixels that have one, within [0,1]; NaN: 0. */
static void gmlp__load_alpha(const gmlp__loader *l, const unsigned char *row, ptrdiff_t plane, size_t n, float *a) {
    const size_t step = gmlp__step(l->type, l->channels, plane);
    const unsigned char *at = row + (plane ? 3 * plane : l->type == GMLP_RGB10A2 ? 3 : (ptrdiff_t)step / 4 * 3);
    size_t i;
    for (i = 0; i < n; i++, at += step) {
        uint16_t code;
        uint32_t word;
        switch (l->type) {
            case GMLP_U8: case GMLP_BGRA8: a[i] = (float)at[0] * (1.0f / 255.0f); break;
            case GMLP_U16:
                memcpy(&code, at, 2);
                a[i] = (float)code * (1.0f / 65535.0f);
                break;
            case GMLP_F16:
                memcpy(&code, at, 2);
                a[i] = gmlp_half_to_float(code);
                break;
            case GMLP_RGB10A2:
                memcpy(&word, at - 3, 4);
                a[i] = (float)(word >> 30) * (1.0f / 3.0f);
                break;
            default: memcpy(a + i, at, 4); break;
        }
    }
    for (; i % 16; i++) a[i] = 0.0f;
    l->kernels->clamp(a, a, i, 1.0f);
}

/* Three planes of n values, a multiple of 16, through a curve; in one go where they are one piece. */
static void gmlp__curve_planes(const gmlp__kernels *k, const gmlp__curve *c, const float *const x[3], float *const y[3],
                               size_t n, int unit) {
    const int one = x[1] == x[0] + n && x[2] == x[1] + n && y[1] == y[0] + n && y[2] == y[1] + n;
    size_t i;
    for (i = 0; i < (one ? 1u : 3u); i++) k->curve(c, x[i], y[i], one ? 3 * n : n, unit);
}

/* n is up to GMLP__PORTION. Planes get n rounded up to a multiple of 16 values, the last ones black. row: the first
   pixel, or the first sample of the first plane, the others plane bytes further each. a may be NULL; 1 where there is
   no alpha. */
static void gmlp__load_portion(const gmlp__loader *l, const unsigned char *row, ptrdiff_t plane, size_t n, float *r,
                               float *g, float *b, float *a) {
    const gmlp__kernels *k = l->kernels;
    const size_t padded = GMLP__PAD(n);
    const int unit = l->type == GMLP_U16 || l->type == GMLP_RGB10A2 ? 1 : l->sycc ? 2 : 0;
    float *const planes[3] = {r, g, b};
    unsigned char packed[GMLP__PORTION * 6];
    const unsigned char *codes;
    size_t i, step;
    switch (l->type) {
        case GMLP_U8:
            codes = gmlp__codes8(l, row, plane, n, packed, &step);
            if (l->sycc) k->from_ycc(codes, step, r, g, b, padded);
            else k->load8(codes, step, l->table, r, g, b, padded);
            break;
        case GMLP_BGRA8:
            codes = gmlp__codes8(l, row, plane, n, packed, &step);
            k->load8(codes, step, l->table, b, g, r, padded);
            break;
        case GMLP_U16: k->load16(gmlp__codes16(l, row, plane, n, packed), r, g, b, padded); break;
        case GMLP_F16: case GMLP_R11G11B10F:
            k->load_half(gmlp__codes16(l, row, plane, n, packed), r, g, b, padded);
            break;
        default: gmlp__load_words(l, row, plane, n, r, g, b); break;
    }
    if (l->curve) gmlp__curve_planes(k, l->curve, (const float *const *)planes, planes, padded, unit);
    if (l->system_gamma) k->system_gamma(l->system_gamma, r, g, b, padded);
    if (!a) return;
    if (l->channels == 4) gmlp__load_alpha(l, row, plane, n, a);
    else for (i = 0; i < padded; i++) a[i] = 1.0f;
}

/* What callers say about pixels that are written: members of options of that name. */
typedef struct gmlp__output {
    int alpha, clamp_negative, round_down;
    double scale, white_nits;
    const gmlp_primaries *primaries;
} gmlp__output;

/* From planes of linear light to rows in memory. As gmlp__loader. */
typedef struct gmlp__storer {
    const gmlp__kernels *kernels;
    int type, channels;
    int alpha;                        /* gmlp_alpha */
    int integer;
    int unit;                         /* light above 1 is that of 1 */
    int clamp_negative, sycc;
    float offset;                     /* integers: what is added to a code before it is rounded */
    const gmlp__curve *curve;         /* light to code */
    const gmlp__curve *system_gamma;  /* HLG: scene light over display light; NULL for others */
    const float *table;               /* 8 bits: the least light that has the code; last: none has */
} gmlp__storer;

/* As gmlp__loader_bytes. */
static size_t gmlp__storer_bytes(int type, int space) {
    return sizeof(gmlp__curve) + gmlp__curve_bytes(space, 1) + (gmlp__is_8bit(type) ? 258 * sizeof(float) : 0) +
           (space == GMLP_REC2020_HLG ? sizeof(gmlp__curve) : 0);
}

static void gmlp__storer_init(gmlp__storer *s, int type, int space, const gmlp__output *output,
                              const gmlp__kernels *kernels, void *memory) {
    const double white_nits = gmlp__white_nits(output->white_nits);
    unsigned char *at = (unsigned char *)memory;
    int i;
    memset(s, 0, sizeof *s);
    s->kernels = kernels;
    s->type = type;
    s->channels = gmlp__channels(type, 0);
    s->alpha = output->alpha;
    s->clamp_negative = output->clamp_negative;
    s->curve = gmlp__curve_place(&at, space, 1, white_nits);
    s->integer = gmlp__is_8bit(type) || type == GMLP_U16 || type == GMLP_RGB10A2;
    /* PQ and HLG take light above 1 and end elsewhere */
    s->sycc = space == GMLP_SYCC;
    s->unit = s->integer && s->curve->kind != GMLP_CURVE_SEGMENTS && !s->sycc;
    if (output->round_down) s->offset = gmlp__is_8bit(type) ? -0.5f : GMLP__TRUNCATE;
    if (space == GMLP_REC2020_HLG) { /* the inverse of y = h x^0.2 x, by the display's luminance */
        const double h = GMLP__HLG_NITS / white_nits;
        s->system_gamma = gmlp__power_place(&at, -0.2 / 1.2, gmlp__pow(h, -1.0 / 1.2));
    }
    if (gmlp__is_8bit(type) && !s->sycc) {
        float *table = (float *)(void *)at;
        table[0] = 0.0f;
        for (i = 1; i < 256; i++) {
            const int down = output->round_down;
            const double exact = gmlp__curve_decode(space, ((double)i - (down ? 0.0 : 0.5)) / 255.0, white_nits);
            table[i] = (float)exact;
            /* Truncating, the float next to a code counts as the code, so that codes survive. */
            if (!down && (double)table[i] < exact) {
                uint32_t u;
                memcpy(&u, &table[i], 4);
                u++;
                memcpy(&table[i], &u, 4);
            }
        }
        table[256] = 3.4028234e38f;
        s->table = table;
    }
}

static int gmlp__is_big_endian(void) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return !first;
}

/* Which plane of codes channel c goes to: that of the bits where it lies in a word. */
static size_t gmlp__slot(const gmlp__storer *s, ptrdiff_t plane, size_t c) {
    if (s->type == GMLP_BGRA8 && c < 3) c = 2 - c;
    if (!gmlp__is_big_endian() || plane || s->channels != 4 || s->type == GMLP_RGB10A2) return c;
    return gmlp__is_8bit(s->type) ? 3 - c : c ^ 1; /* words whose first byte is the highest */
}

/* The codes of alpha; of those that are kept, from memory. */
static void gmlp__alpha_codes(const gmlp__storer *s, const float *a, const unsigned char *row, size_t n,
                              int32_t *codes) {
    const float last = s->type == GMLP_U16 ? 65535.0f : s->type == GMLP_RGB10A2 ? 3.0f : 255.0f;
    const size_t padded = GMLP__PAD(n);
    size_t i;
    if (s->alpha == GMLP_ALPHA_KEEP) {
        for (i = 0; i < n; i++) {
            uint16_t code;
            if (gmlp__is_8bit(s->type)) codes[i] = row[4 * i + 3];
            else if (s->type == GMLP_RGB10A2) {
                uint32_t word;
                memcpy(&word, row + 4 * i, 4);
                codes[i] = (int32_t)(word >> 30);
            } else {
                memcpy(&code, row + 8 * i + 6, 2);
                codes[i] = code;
            }
        }
        for (; i < padded; i++) codes[i] = 0;
    } else if (!a) {
        for (i = 0; i < padded; i++) codes[i] = s->type == GMLP_F16 ? 0x3c00 : (int32_t)last;
    } else if (s->type == GMLP_F16) {
        s->kernels->shorten(a, 10, codes, padded);
    } else {
        s->kernels->quantize(a, last, 0.0f, codes, padded);
    }
}

/* n, a multiple of 16, packed pixels. */
static void gmlp__put_pixels(const gmlp__storer *s, const int32_t *codes, unsigned char *out, size_t n) {
    const gmlp__kernels *k = s->kernels;
    switch (s->type) {
        case GMLP_U8: case GMLP_BGRA8:
            if (s->channels == 3) k->put8(codes, out, n);
            else k->put_words(codes, 8, out, n);
            break;
        case GMLP_RGB10A2: k->put_words(codes, 10, out, n); break;
        case GMLP_R11G11B10F: k->put_words(codes, 11, out, n); break;
        case GMLP_RGB9E5: k->put_words(codes, 9, out, n); break;
        default:
            if (s->channels == 3) k->put16(codes, out, n);
            else k->put16x4(codes, out, n);
            break;
    }
}

static void gmlp__put_planes(const gmlp__storer *s, const int32_t *codes, unsigned char *out, ptrdiff_t plane,
                             size_t n) {
    const size_t channels = s->channels == 4 && s->alpha != GMLP_ALPHA_KEEP ? 4 : 3;
    size_t i, c;
    for (c = 0; c < channels; c++, codes += GMLP__PORTION, out += plane)
        for (i = 0; i < n; i++) {
            const uint16_t code = (uint16_t)codes[i];
            if (s->type == GMLP_U8) out[i] = (unsigned char)code;
            else memcpy(out + 2 * i, &code, 2);
        }
}

static void gmlp__put_floats(const gmlp__storer *s, const float *y, const float *a, unsigned char *out, ptrdiff_t plane,
                             size_t n) {
    const size_t step = gmlp__step(s->type, s->channels, plane);
    const ptrdiff_t next = plane ? plane : 4;
    const int alpha = s->channels == 4 && s->alpha != GMLP_ALPHA_KEEP;
    const float opaque = 1.0f;
    size_t i;
    if (step == 12)
        for (; n; n--, y++, out += 12) {
            memcpy(out, y, 4);
            memcpy(out + 4, y + GMLP__PORTION, 4);
            memcpy(out + 8, y + 2 * GMLP__PORTION, 4);
        }
    for (i = 0; i < n; i++, y++, out += step) {
        memcpy(out, y, 4);
        memcpy(out + next, y + GMLP__PORTION, 4);
        memcpy(out + 2 * next, y + 2 * GMLP__PORTION, 4);
        if (alpha) memcpy(out + 3 * next, a ? a + i : &opaque, 4);
    }
}

/* R'G'B' to sYCC codes. Where the box of codes ends before the colour, the one on the way to it from the clipped colour
   stands for it: all of these clip to the same. plane: from a channel's codes to the next one's. */
static void gmlp__sycc_codes(float *const rgb[3], int32_t *codes, ptrdiff_t plane, size_t n) {
    static const double luma[3] = {0.299, 0.587, 0.114};
    size_t i, c;
    for (i = 0; i < n; i++) {
        double at[3], way[3], y[3] = {0.0, 0.0, 0.0}, u[3] = {0.0, 0.0, 0.0}, t = 1.0;
        for (c = 0; c < 3; c++) {
            const double v = (double)rgb[c][i];
            at[c] = v > 1.0 ? 1.0 : v > 0.0 ? v : 0.0;
            way[c] = v > 1e4 ? 1e4 : v > -1e4 ? v - at[c] : 0.0 - at[c];
            y[0] += gmlp__dmul(luma[c], at[c]);
            u[0] += gmlp__dmul(luma[c], way[c]);
        }
        for (c = 1; c < 3; c++) { /* Cb, Cr around 0 */
            const double factor = c == 1 ? 1.0 / 1.772 : 1.0 / 1.402;
            y[c] = gmlp__dmul(at[c == 1 ? 2 : 0] - y[0], factor);
            u[c] = gmlp__dmul(way[c == 1 ? 2 : 0] - u[0], factor);
        }
        for (c = 0; c < 3; c++) {
            const double low = c ? -128.0 / 255.0 : 0.0, high = c ? 127.0 / 255.0 : 1.0;
            if (y[c] + u[c] > high && gmlp__dmul(t, u[c]) > high - y[c]) t = (high - y[c]) / u[c];
            if (y[c] + u[c] < low && gmlp__dmul(t, u[c]) < low - y[c]) t = (low - y[c]) / u[c];
        }
        if (!(t > 0.0)) t = 0.0;
        for (c = 0; c < 3; c++) {
            const double v = gmlp__dmul(y[c] + gmlp__dmul(t, u[c]), 255.0) + (c ? 128.5 : 0.5);
            codes[(ptrdiff_t)c * plane + (ptrdiff_t)i] = v >= 255.0 ? 255 : v > 0.0 ? (int32_t)v : 0;
        }
    }
}

/* n is up to GMLP__PORTION. Planes hold n rounded up to a multiple of 16 values. a: within [0,1]; NULL: opaque. row and
   plane: as of gmlp__load_portion. */
static void gmlp__store_portion(const gmlp__storer *s, const float *r, const float *g, const float *b, const float *a,
                                size_t n, unsigned char *row, ptrdiff_t plane) {
    const gmlp__kernels *k = s->kernels;
    const size_t padded = GMLP__PAD(n), whole = n & ~(size_t)15, step = gmlp__step(s->type, s->channels, plane);
    const int at_once = s->type == GMLP_U16 && s->channels == 3 && !plane;
    const uint32_t infinity = 0x7f800000u;
    float tone[3 * GMLP__PORTION], lit[3][GMLP__PORTION];
    int32_t codes[4 * GMLP__PORTION];
    unsigned char rest[16 * 8];
    float *const tones[3] = {tone, tone + GMLP__PORTION, tone + 2 * GMLP__PORTION};
    const float *light[3];
    float most;
    size_t c;
    light[0] = r;
    light[1] = g;
    light[2] = b;
    memcpy(&most, &infinity, 4);
    if (s->alpha == GMLP_ALPHA_OPAQUE) a = NULL;
    if (s->system_gamma) {
        for (c = 0; c < 3; c++) light[c] = (const float *)memcpy(lit[c], light[c], padded * sizeof(float));
        k->system_gamma(s->system_gamma, lit[0], lit[1], lit[2], padded);
    }
    gmlp__curve_planes(k, s->curve, light, tones, padded, s->unit);
#ifndef GMLP_DECODE_ONLY
    if (s->sycc) {
        const int back = gmlp__is_big_endian() && !plane && s->channels == 4; /* as gmlp__slot says */
        gmlp__sycc_codes(tones, codes + (back ? 3 * GMLP__PORTION : 0), back ? -GMLP__PORTION : GMLP__PORTION, padded);
    }
#endif
    for (c = 0; c < 3 && !s->sycc; c++) {
        float *const y = tones[c];
        int32_t *const code = codes + gmlp__slot(s, plane, c) * GMLP__PORTION;
        if (s->integer && !s->unit) k->clamp(y, y, padded, 1.0f);
        if (!s->integer && s->clamp_negative) k->clamp(y, y, padded, most);
        switch (s->type) {
            case GMLP_U8: case GMLP_BGRA8: k->quantize8(light[c], y, s->table, s->offset, code, padded); break;
            case GMLP_U16:
                if (!at_once) k->quantize(y, 65535.0f, s->offset, code, padded);
                break;
            case GMLP_RGB10A2: k->quantize(y, 1023.0f, s->offset, code, padded); break;
            case GMLP_F16: k->shorten(y, 10, code, padded); break;
            case GMLP_R11G11B10F: k->shorten(y, c < 2 ? 6 : 5, code, padded); break;
            default: break;
        }
    }
    if (s->type == GMLP_F32) {
        gmlp__put_floats(s, tone, a, row, plane, n);
        return;
    }
    if (s->type == GMLP_RGB9E5) k->share_exponent(tone, codes, padded);
    if (s->type == GMLP_R11G11B10F) memset(codes + 3 * GMLP__PORTION, 0, padded * sizeof *codes);
    if (s->channels == 4 && !(plane && s->alpha == GMLP_ALPHA_KEEP))
        gmlp__alpha_codes(s, a, row, n, codes + gmlp__slot(s, plane, 3) * GMLP__PORTION);
    if (plane) {
        gmlp__put_planes(s, codes, row, plane, n);
        return;
    }
    if (at_once) {
        if (whole) k->store16(tone, s->offset, row, whole);
        if (whole < n) k->store16(tone + whole, s->offset, rest, 16);
    } else {
        if (whole) gmlp__put_pixels(s, codes, row, whole);
        if (whole < n) gmlp__put_pixels(s, codes + whole, rest, 16);
    }
    if (whole < n) memcpy(row + whole * step, rest, (n - whole) * step);
}

/* The matrix between two spaces for gmlp__matrix_row. 1 if it is not the identity. */
static int gmlp__float_matrix(int from, int to, int adaptation, float m[9]) {
    double d[9];
    int i, differs = 0;
    gmlp__space_matrix(gmlp__space_of(from), gmlp__space_of(to), adaptation, d);
    for (i = 0; i < 9; i++) {
        m[i] = (float)d[i];
        differs |= d[i] != (i % 4 ? 0.0 : 1.0);
    }
    return differs;
}

/* The custom space of opts.primaries; 0 if they make none. */
static int gmlp__space_make(const gmlp_primaries *p, gmlp__space *space) {
    double m[9], inverse[9];
    int i;
    memset(space, 0, sizeof *space);
    for (i = 0; i < 2; i++) {
        space->xy[i] = p->red[i];
        space->xy[2 + i] = p->green[i];
        space->xy[4 + i] = p->blue[i];
        space->xy[6 + i] = p->white[i];
    }
    for (i = 0; i < 8; i++)
        if (!(space->xy[i] >= -10.0 && space->xy[i] <= 10.0)) return 0;
    if (!(p->white[1] > 1e-3)) return 0;
    gmlp__space_to_xyz(space, m);
    gmlp__matrix_invert(m, inverse);
    for (i = 0; i < 9; i++) /* no triangle, or white on its edge: infinite or NaN */
        if (!(m[i] >= -1e6 && m[i] <= 1e6 && inverse[i] >= -1e6 && inverse[i] <= 1e6)) return 0;
    return 1;
}

/* Are these values of options? */
static int gmlp__output_ok(const gmlp__output *o, int space) {
    gmlp__space made;
    return o->alpha >= GMLP_ALPHA_SOURCE && o->alpha <= GMLP_ALPHA_KEEP && gmlp__white_nits_ok(o->white_nits) &&
           o->scale >= 0.0 && o->scale <= 1e9 &&
           (!o->primaries || (space != GMLP_REC2020_HLG && gmlp__space_make(o->primaries, &made)));
}

/* The matrix from a space's light to that of what is written. */
static void gmlp__output_matrix(int from, int to, int adaptation, const gmlp__output *o, double m[9]) {
    gmlp__space made;
    const gmlp__space *target = gmlp__space_of(to);
    int i;
    if (o->primaries && gmlp__space_make(o->primaries, &made)) target = &made;
    gmlp__space_matrix(gmlp__space_of(from), target, adaptation, m);
    for (i = 0; i < 9 && o->scale != 0.0; i++) m[i] *= o->scale;
}

/* Rows of one kind to rows of another. A copy may have other channels. */
typedef struct gmlp__conversion {
    gmlp__loader loader;
    gmlp__storer storer;
    float matrix[9];
    int mixes;                  /* there is a matrix to apply */
    int recodes;                /* for packed three channels: recode does all */
    const float *shares;        /* 8-bit codes: [3][256][4], of each byte in the three lights; NULL for others */
} gmlp__conversion;

/* Bytes that gmlp__conversion_init needs, a multiple of 8. */
static size_t gmlp__conversion_bytes(int from_type, int from_space, int to_type, int to_space) {
    return gmlp__loader_bytes(from_type, from_space) + gmlp__storer_bytes(to_type, to_space) +
           (gmlp__is_8bit(from_type) ? 3 * 256 * 4 * sizeof(float) : 0);
}

/* What gmlp__output_ok has seen. memory is aligned to 8 bytes; the conversion keeps using it. */
static void gmlp__conversion_init(gmlp__conversion *v, int from_type, int from_space, int to_type, int to_space,
                                  int adaptation, const gmlp__output *output, const gmlp__kernels *kernels,
                                  void *memory) {
    unsigned char *at = (unsigned char *)memory;
    double m[9];
    float *shares;
    size_t i, j, c;
    memset(v, 0, sizeof *v);
    gmlp__loader_init(&v->loader, from_type, from_space, output->white_nits, kernels, at);
    at += gmlp__loader_bytes(from_type, from_space);
    gmlp__storer_init(&v->storer, to_type, to_space, output, kernels, at);
    at += gmlp__storer_bytes(to_type, to_space);
    gmlp__output_matrix(from_space, to_space, adaptation, output, m);
    for (i = 0; i < 9; i++) {
        v->matrix[i] = (float)m[i];
        v->mixes |= m[i] != (i % 4 ? 0.0 : 1.0);
    }
    if (!gmlp__is_8bit(from_type) || v->loader.sycc) return;
    if (!v->loader.system_gamma) v->mixes = 0; /* the shares have it */
    shares = (float *)(void *)at;
    for (c = 0; c < 3; c++)
        for (i = 0; i < 256; i++)
            for (j = 0; j < 4; j++) {
                const size_t channel = from_type == GMLP_BGRA8 ? 2 - c : c;
                const double own = j == channel ? 1.0 : 0.0; /* HLG: the matrix comes later */
                const double part = j == 3 ? 0.0 : v->loader.system_gamma ? own : m[3 * j + channel];
                shares[(c * 256 + i) * 4 + j] = (float)(part * (double)v->loader.table[i]);
            }
    v->shares = shares;
    v->recodes = kernels->recode && to_type == GMLP_U16 && !v->loader.system_gamma && gmlp__curve_near(v->storer.curve);
}

/* Interleaved 8-bit codes to packed 16-bit ones of three channels. */
static void gmlp__recode(const gmlp__conversion *v, const unsigned char *from, unsigned char *to, size_t n) {
    const size_t step = (size_t)v->loader.channels, whole = n & ~(size_t)15;
    unsigned char codes[16 * 4] = {0}, packed[16 * 6];
    const gmlp__kernels *k = v->loader.kernels;
    if (whole) k->recode(from, step, v->shares, v->storer.curve, v->storer.offset, to, whole);
    if (whole == n) return;
    memcpy(codes, from + whole * step, (n - whole) * step);
    k->recode(codes, step, v->shares, v->storer.curve, v->storer.offset, packed, 16);
    memcpy(to + whole * 6, packed, (n - whole) * 6);
}

/* n pixels. from_plane, to_plane: plane_stride of their views. */
static void gmlp__convert_row(const gmlp__conversion *v, const unsigned char *from, ptrdiff_t from_plane,
                              unsigned char *to, ptrdiff_t to_plane, size_t n) {
    const gmlp__loader *l = &v->loader;
    const gmlp__kernels *k = l->kernels;
    const size_t in = gmlp__step(l->type, l->channels, from_plane);
    const size_t out = gmlp__step(v->storer.type, v->storer.channels, to_plane);
    const int alpha = v->storer.channels == 4 && l->channels == 4 && v->storer.alpha == GMLP_ALPHA_SOURCE;
    float r[3 * GMLP__PORTION], a[GMLP__PORTION], *const g = r + GMLP__PORTION, *const b = r + 2 * GMLP__PORTION;
    size_t i, count;
    if (v->recodes && v->storer.channels == 3 && !from_plane && !to_plane) {
        gmlp__recode(v, from, to, n);
        return;
    }
    for (i = 0; i < n; i += count, from += count * in, to += count * out) {
        count = n - i < GMLP__PORTION ? n - i : GMLP__PORTION;
        if (v->shares) {
            unsigned char packed[GMLP__PORTION * 4];
            size_t step;
            const unsigned char *codes = gmlp__codes8(l, from, from_plane, count, packed, &step);
            k->mix8(codes, step, v->shares, r, g, b, GMLP__PAD(count));
            if (l->system_gamma) k->system_gamma(l->system_gamma, r, g, b, GMLP__PAD(count));
            if (alpha) gmlp__load_alpha(l, from, from_plane, count, a);
        } else {
            gmlp__load_portion(l, from, from_plane, count, r, g, b, alpha ? a : NULL);
        }
        if (v->mixes) k->matrix(v->matrix, r, g, b, r, g, b, GMLP__PAD(count));
        gmlp__store_portion(&v->storer, r, g, b, alpha ? a : NULL, count, to, to_plane);
    }
}

struct gmlp_converter {
    gmlp_alloc alloc;
    size_t size;                /* of this whole block */
    gmlp__conversion v;
};

/* NULL options mean all zero. */
static gmlp_result gmlp__resolve_convert(const gmlp_convert_opts *opts, gmlp_convert_opts *o, gmlp__output *output,
                                         const gmlp__kernels **kernels) {
    memset(o, 0, sizeof *o);
    if (opts) *o = *opts;
    output->alpha = o->alpha;
    output->clamp_negative = o->clamp_negative;
    output->round_down = o->round_down;
    output->scale = o->scale;
    output->white_nits = o->white_nits;
    output->primaries = o->primaries;
    *kernels = gmlp__select(o->isa);
    if (!*kernels || (o->adaptation != GMLP_BRADFORD && o->adaptation != GMLP_CAT02)) return GMLP_E_ARGUMENT;
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_converter_create(int from_type, int from_space, int to_type, int to_space,
                                           const gmlp_convert_opts *opts, gmlp_converter **converter) {
    const gmlp__kernels *kernels;
    gmlp_convert_opts o;
    gmlp__output output;
    gmlp__fp_state fp;
    gmlp_converter *c;
    gmlp_result result;
    size_t size;
    if (!converter) return GMLP_E_ARGUMENT;
    *converter = NULL;
    if (!gmlp__channels(from_type, 0) || !gmlp__channels(to_type, 0) || !gmlp__space_fits(from_space, from_type) ||
        !gmlp__space_fits(to_space, to_type))
        return GMLP_E_ARGUMENT;
#ifdef GMLP_DECODE_ONLY
    if (to_space == GMLP_SYCC) return GMLP_E_ARGUMENT;
#endif
    result = gmlp__resolve_convert(opts, &o, &output, &kernels);
    if (result) return result;
    fp = gmlp__fp_enter();
    size = sizeof *c + gmlp__conversion_bytes(from_type, from_space, to_type, to_space);
    c = NULL;
    if (!gmlp__output_ok(&output, to_space)) result = GMLP_E_ARGUMENT;
    else if (!(c = (gmlp_converter *)gmlp__alloc(&o.alloc, size))) result = GMLP_E_MEMORY;
    else {
        c->alloc = o.alloc;
        c->size = size;
        gmlp__conversion_init(&c->v, from_type, from_space, to_type, to_space, o.adaptation, &output, kernels, c + 1);
        *converter = c;
    }
    gmlp__fp_leave(fp);
    return result;
}

GMLP_DEF void gmlp_converter_free(gmlp_converter *converter) {
    gmlp_alloc alloc;
    if (!converter) return;
    alloc = converter->alloc;
    gmlp__free(&alloc, converter, converter->size);
}

/* Rows first..last-1 of views that were checked. */
static void gmlp__convert_rows(const gmlp_converter *c, const gmlp_image *src, const gmlp_image *dst, uint32_t first,
                               uint32_t last) {
    gmlp__conversion v = c->v;
    uint32_t y;
    v.loader.channels = gmlp__channels(src->type, src->channels);
    v.storer.channels = gmlp__channels(dst->type, dst->channels);
    for (y = first; y < last; y++)
        gmlp__convert_row(&v, gmlp__row(src, y), src->plane_stride, gmlp__row(dst, y),
                          dst->plane_stride, src->width);
}

static gmlp_result gmlp__check_pair(const gmlp_image *a, const gmlp_image *b) {
    gmlp_result result = gmlp__check_image(a);
    if (!result) result = gmlp__check_image(b);
    if (!result && (a->width != b->width || a->height != b->height)) result = GMLP_E_ARGUMENT;
    return result;
}

GMLP_DEF gmlp_result gmlp_converter_rows(const gmlp_converter *converter, const gmlp_image *src,
                                         const gmlp_image *dst) {
    gmlp__fp_state fp;
    gmlp_result result = gmlp__check_pixels(src);
    if (!result) result = gmlp__check_pixels(dst);
    if (result) return result;
    if (!converter || src->type != converter->v.loader.type || dst->type != converter->v.storer.type ||
        src->width != dst->width || src->height != dst->height)
        return GMLP_E_ARGUMENT;
    fp = gmlp__fp_enter();
    gmlp__convert_rows(converter, src, dst, 0, src->height);
    gmlp__fp_leave(fp);
    return GMLP_OK;
}

/* Pictures are cut into bands of rows, the same whatever the number of threads. */
#define GMLP__BAND 64

typedef struct gmlp__convert_job {
    const gmlp_image *src, *dst;
    const gmlp_converter *converter;
} gmlp__convert_job;

static void gmlp__convert_band(void *ctx, size_t band) {
    const gmlp__convert_job *job = (const gmlp__convert_job *)ctx;
    const uint32_t first = (uint32_t)band * GMLP__BAND, left = job->src->height - first;
    gmlp__convert_rows(job->converter, job->src, job->dst, first, first + (left < GMLP__BAND ? left : GMLP__BAND));
}

GMLP_DEF gmlp_result gmlp_convert(const gmlp_image *src, const gmlp_image *dst, const gmlp_convert_opts *opts) {
    gmlp_converter *converter;
    gmlp__convert_job job;
    gmlp_result result = gmlp__check_pair(src, dst);
    if (!result) result = gmlp_converter_create(src->type, src->space, dst->type, dst->space, opts, &converter);
    if (result) return result;
    job.src = src;
    job.dst = dst;
    job.converter = converter;
    gmlp__run(opts ? &opts->threads : NULL, gmlp__convert_band, &job, (src->height + GMLP__BAND - 1) / GMLP__BAND);
    gmlp_converter_free(converter);
    return GMLP_OK;
}

/* gmlp__kernels.saturated of a base that l reads. tones: NULL, or planes for the R'G'B' of sYCC. */
static size_t gmlp__saturated_row(const gmlp__loader *l, const unsigned char *codes, size_t n, int margin,
                                  uint32_t *index, float *const tones[3]) {
    const gmlp__kernels *k = l->kernels;
    const size_t channels = (size_t)l->channels;
    float own[3 * GMLP__PORTION], flag[GMLP__PORTION];
    unsigned char packed[GMLP__PORTION * 4];
    const unsigned char *at;
    size_t i, j, p, m, step, count = 0;
    if (!l->sycc) return k->saturated(codes, l->channels, n, margin, index);
    for (i = 0; i < n; i += m) {
        float *r, *g, *b;
        m = n - i < GMLP__PORTION ? n - i : GMLP__PORTION;
        at = gmlp__codes8(l, codes + i * channels, 0, m, packed, &step);
        /* checked: own is filled in the loop below */
        r = tones ? tones[0] + i : own;
        g = tones ? tones[1] + i : own + GMLP__PORTION;
        b = tones ? tones[2] + i : own + 2 * GMLP__PORTION;
        k->from_ycc(at, step, r, g, b, GMLP__PAD(m));
        k->near_ends(r, g, b, ((float)margin + 0.5f) / 255.0f, flag, GMLP__PAD(m));
        for (j = 0; j < m; j += 4) {
            uint64_t four[2];
            memcpy(four, flag + j, sizeof four);
            if (!(four[0] | four[1])) continue; /* as most of them */
            for (p = j; p < j + 4 && p < m; p++) {
                index[count] = (uint32_t)(i + p);
                count += flag[p] != 0.0f;
            }
        }
    }
    return count;
}

#ifndef GMLP_DECODE_ONLY
/* ---------------------------------------------------------------------------------------
   >>gamut: gamut reduction, out-of-gamut and saturated masks, soft clip
*/
static void gmlp__load_row(const gmlp__loader *l, const unsigned char *row, ptrdiff_t plane, size_t n, float *r,
                           float *g, float *b) {
    const size_t step = gmlp__step(l->type, l->channels, plane);
    size_t i, count;
    for (i = 0; i < n; i += count) {
        count = n - i < GMLP__PORTION ? n - i : GMLP__PORTION;
        gmlp__load_portion(l, row + i * step, plane, count, r + i, g + i, b + i, NULL);
    }
}

static void gmlp__matrix_row(const gmlp__kernels *k, const float m[9], const float *r, const float *g, const float *b,
                             float *ro, float *go, float *bo, size_t n) {
    k->matrix(m, r, g, b, ro, go, bo, (n + 15) & ~(size_t)15);
}

GMLP_DEF int gmlp_is_saturated(const uint8_t rgb[3], int margin) { return gmlp__saturated(rgb, margin); }

/* One walk over a wide picture in bands. What is NULL is not made. */
typedef struct gmlp__reduction {
    const gmlp_image *wide, *base;
    uint8_t *mask;
    gmlp_gamut_report *reports;  /* one a band */
    gmlp_soft_clip *extremes;    /* one a band */
    const gmlp__kernels *kernels;
    gmlp__loader loader, base_loader;
    gmlp__storer storer;
    float matrix[9];
    int mixes;
    int alpha;                   /* base gets that of wide */
} gmlp__reduction;

static void gmlp__reduce_band(void *ctx, size_t band) {
    const gmlp__reduction *v = (const gmlp__reduction *)ctx;
    const gmlp__kernels *k = v->kernels;
    const ptrdiff_t from_plane = v->wide->plane_stride;
    const size_t in = gmlp__step(v->loader.type, v->loader.channels, from_plane);
    const size_t width = v->wide->width, height = v->wide->height;
    gmlp_gamut_report *report = v->reports ? v->reports + band : NULL;
    gmlp_soft_clip *extremes = v->extremes ? v->extremes + band : NULL;
    float plane[3][GMLP__PORTION], flag[GMLP__PORTION], a[GMLP__PORTION];
    float *const r = plane[0], *const g = plane[1], *const b = plane[2];
    uint32_t index[GMLP__PORTION];
    size_t x, y, i, n, padded;
    int c;
    if (report) memset(report, 0, sizeof *report);
    for (c = 0; extremes && c < 3; c++) {
        extremes->low[c] = 3.4028234e38f;
        extremes->high[c] = -3.4028234e38f;
    }
    for (y = band * GMLP__BAND; y < height && y < (band + 1) * GMLP__BAND; y++) {
        const unsigned char *from = gmlp__row(v->wide, (uint32_t)y);
        for (x = 0; x < width; x += n) {
            n = width - x < GMLP__PORTION ? width - x : GMLP__PORTION;
            padded = (n + 15) & ~(size_t)15;
            /* checked: it fills a */
            gmlp__load_portion(&v->loader, from + x * in, from_plane, n, r, g, b, v->alpha ? a : NULL);
            /* padding is black: inside */
            if (report) report->clamped += (uint64_t)k->outside(r, g, b, flag, padded);
            for (c = 0; c < 3; c++) k->clamp(plane[c], plane[c], padded, 1.0f);
            if (v->mixes) gmlp__matrix_row(k, v->matrix, r, g, b, r, g, b, n);
            if (report) report->out_of_gamut += (uint64_t)k->out_of_gamut(r, g, b, flag, padded);
            if (v->mask) {
                uint8_t *mask = v->mask + y * width + x;
                k->out_of_gamut(r, g, b, flag, padded);
                for (i = 0; i < n; i++) mask[i] = (uint8_t)flag[i];
            }
            for (c = 0; extremes && c < 3; c++) {
                for (i = 0; i < n; i++) {
                    if (plane[c][i] < extremes->low[c]) extremes->low[c] = plane[c][i];
                    if (plane[c][i] > extremes->high[c]) extremes->high[c] = plane[c][i];
                }
            }
            if (v->base) {
                unsigned char *to = gmlp__row(v->base, (uint32_t)y) + x * (size_t)v->storer.channels;
                gmlp__store_portion(&v->storer, r, g, b, v->alpha ? a : NULL, n, to, 0);
                if (report)
                    report->saturated += gmlp__saturated_row(&v->base_loader, to, n, 0, index, NULL);
            }
        }
        if (report) report->pixels += width;
    }
}

/* Checks, prepares and walks; v holds what is to be made. */
static gmlp_result gmlp__reduce_all(gmlp__reduction *v, const gmlp_convert_opts *opts) {
    gmlp_convert_opts o;
    gmlp__output output;
    gmlp__fp_state fp;
    unsigned char *tables;
    size_t loader, base_loader, size;
    int space;
    gmlp_result result = v->base ? gmlp__check_pair(v->wide, v->base) : gmlp__check_image(v->wide);
    if (!result && v->base &&
        (v->base->type != GMLP_U8 || v->base->plane_stride ||
         (v->base->space != GMLP_SRGB && v->base->space != GMLP_SYCC)))
        result = GMLP_E_ARGUMENT;
    if (!result) result = gmlp__resolve_convert(opts, &o, &output, &v->kernels);
    if (!result && (!gmlp__output_ok(&output, GMLP_SRGB) || o.scale != 0.0 || o.primaries)) result = GMLP_E_ARGUMENT;
    if (result) return result;
    space = v->base ? v->base->space : GMLP_SRGB;
    loader = gmlp__loader_bytes(v->wide->type, v->wide->space);
    base_loader = gmlp__loader_bytes(GMLP_U8, space);
    size = loader + base_loader + gmlp__storer_bytes(GMLP_U8, space);
    tables = (unsigned char *)gmlp__alloc(&o.alloc, size);
    if (!tables) return GMLP_E_MEMORY;
    fp = gmlp__fp_enter();
    v->mixes = gmlp__float_matrix(v->wide->space, GMLP_SRGB, o.adaptation, v->matrix);
    gmlp__loader_init(&v->loader, v->wide->type, v->wide->space, o.white_nits, v->kernels, tables);
    v->loader.channels = gmlp__channels(v->wide->type, v->wide->channels);
    gmlp__loader_init(&v->base_loader, GMLP_U8, space, 0.0, v->kernels, tables + loader);
    gmlp__storer_init(&v->storer, GMLP_U8, space, &output, v->kernels, tables + loader + base_loader);
    if (v->base) v->base_loader.channels = v->storer.channels = gmlp__channels(GMLP_U8, v->base->channels);
    v->alpha = v->loader.channels == 4 && v->storer.channels == 4 && o.alpha == GMLP_ALPHA_SOURCE;
    gmlp__run(&o.threads, gmlp__reduce_band, v, (v->wide->height + GMLP__BAND - 1) / GMLP__BAND);
    gmlp__fp_leave(fp);
    gmlp__free(&o.alloc, tables, size);
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_reduce(const gmlp_image *wide, const gmlp_image *base, const gmlp_convert_opts *opts,
                                 gmlp_gamut_report *report) {
    const gmlp_alloc *alloc = opts ? &opts->alloc : NULL;
    gmlp__reduction v;
    gmlp_result result;
    size_t bands, i;
    memset(&v, 0, sizeof v);
    if (report) memset(report, 0, sizeof *report);
    if (!wide || !base) return GMLP_E_ARGUMENT;
    v.wide = wide;
    v.base = base;
    if (!report) return gmlp__reduce_all(&v, opts);
    result = gmlp__check_image(wide);
    if (result) return result;
    bands = (wide->height + GMLP__BAND - 1) / GMLP__BAND;
    v.reports = (gmlp_gamut_report *)gmlp__alloc(alloc, bands * sizeof *v.reports);
    if (!v.reports) return GMLP_E_MEMORY;
    result = gmlp__reduce_all(&v, opts);
    for (i = 0; !result && i < bands; i++) {
        report->pixels += v.reports[i].pixels;
        report->out_of_gamut += v.reports[i].out_of_gamut;
        report->saturated += v.reports[i].saturated;
        report->clamped += v.reports[i].clamped;
    }
    gmlp__free(alloc, v.reports, bands * sizeof *v.reports);
    return result;
}

GMLP_DEF gmlp_result gmlp_out_of_gamut_mask(const gmlp_image *wide, uint8_t *mask, const gmlp_convert_opts *opts) {
    gmlp__reduction v;
    memset(&v, 0, sizeof v);
    if (!mask) return GMLP_E_ARGUMENT;
    v.wide = wide;
    v.mask = mask;
    return gmlp__reduce_all(&v, opts);
}

GMLP_DEF gmlp_result gmlp_soft_clip_measure(const gmlp_image *wide, gmlp_soft_clip *out,
                                            const gmlp_convert_opts *opts) {
    const gmlp_alloc *alloc = opts ? &opts->alloc : NULL;
    gmlp__reduction v;
    gmlp_result result = gmlp__check_image(wide);
    size_t bands, i;
    int c;
    if (result) return result;
    if (!out) return GMLP_E_ARGUMENT;
    memset(&v, 0, sizeof v);
    v.wide = wide;
    bands = (wide->height + GMLP__BAND - 1) / GMLP__BAND;
    v.extremes = (gmlp_soft_clip *)gmlp__alloc(alloc, bands * sizeof *v.extremes);
    if (!v.extremes) return GMLP_E_MEMORY;
    result = gmlp__reduce_all(&v, opts);
    if (!result) {
        *out = v.extremes[0];
        for (i = 1; i < bands; i++) {
            for (c = 0; c < 3; c++) {
                if (v.extremes[i].low[c] < out->low[c]) out->low[c] = v.extremes[i].low[c];
                if (v.extremes[i].high[c] > out->high[c]) out->high[c] = v.extremes[i].high[c];
            }
        }
    }
    gmlp__free(alloc, v.extremes, bands * sizeof *v.extremes);
    return result;
}

/* v in [a0,a1] to [b0,b1], in double so that there and back agree to a float's last digits. */
static float gmlp__stretch(double v, double a0, double a1, double b0, double b1) {
    return (float)(gmlp__dmul((v - a0) / (a1 - a0), b1 - b0) + b0);
}

#define GMLP__KNEE_LOW 0.05
#define GMLP__KNEE_HIGH 0.9

GMLP_DEF float gmlp_soft_clip_apply(const gmlp_soft_clip *s, int channel, float value) {
    const double low = (double)s->low[channel], high = (double)s->high[channel], v = (double)value;
    if (v > GMLP__KNEE_HIGH && high > 1.0) return gmlp__stretch(v, GMLP__KNEE_HIGH, high, GMLP__KNEE_HIGH, 1.0);
    if (v < GMLP__KNEE_LOW && low < 0.0) return gmlp__stretch(v, GMLP__KNEE_LOW, low, GMLP__KNEE_LOW, 0.0);
    return value;
}

GMLP_DEF float gmlp_soft_clip_undo(const gmlp_soft_clip *s, int channel, float value) {
    const double low = (double)s->low[channel], high = (double)s->high[channel], v = (double)value;
    if (v > GMLP__KNEE_HIGH && high > 1.0) return gmlp__stretch(v, GMLP__KNEE_HIGH, 1.0, GMLP__KNEE_HIGH, high);
    if (v < GMLP__KNEE_LOW && low < 0.0) return gmlp__stretch(v, GMLP__KNEE_LOW, 0.0, GMLP__KNEE_LOW, low);
    return value;
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>encoding: sinusoidal encoding
*/

/* Features of one sample, input after input; may write 15 floats further. */
static void gmlp__encode(const gmlp__kernels *k, const uint8_t frequencies[GMLP_INPUTS], const float *in, float *f) {
    size_t i;
    for (i = 0; i < GMLP_INPUTS; i++) {
        if (frequencies[i]) k->encode(in[i], frequencies[i], f);
        f += 2 * (size_t)frequencies[i];
    }
}

static size_t gmlp__window_count(const uint8_t radius[GMLP_WINDOWS]) { return radius[1] ? 2 : radius[0] != 0; }

/* How many of the inputs there are with these windows. */
static size_t gmlp__inputs(const uint8_t radius[GMLP_WINDOWS]) { return 5 + 3 * gmlp__window_count(radius); }

/* The windows' radii in a base that was resized: they cover as much of what is shown, to the nearest odd number of
   pixels. 0 for a window is then the pixel itself. Returns the greater one. */
static uint32_t gmlp__radii_of(const gmlp_net *net, uint8_t radius[GMLP_WINDOWS]) {
    const float product = net->coords.col_step * net->coords.row_step, area = product < 0.0f ? -product : product;
    int i, r;
    for (i = 0; i < GMLP_WINDOWS; i++) {
        const int side = 2 * net->radius[i] + 1;
        for (r = net->radius[i] ? GMLP_MAX_RADIUS : 0; area * (float)(4 * r * r) > (float)(side * side);) r--;
        radius[i] = (uint8_t)r;
    }
    return radius[0] > radius[1] ? radius[0] : radius[1];
}

static int gmlp__window_frequencies(const uint8_t frequencies[GMLP_INPUTS], int window) {
    return frequencies[5 + 3 * window] || frequencies[6 + 3 * window] || frequencies[7 + 3 * window];
}

/* Means of windows around pixels of a row. The sums over the windows' columns move down with the rows, a segment of the
   columns at a time and only where they are asked for; a pixel then adds up 2 radius + 1 of them. */
#define GMLP__SEGMENT 256u /* columns; the last one is longer, so that it has a column of the picture */
typedef struct gmlp__windows {
    const gmlp__kernels *kernels;
    const gmlp_image *base;          /* a part of the picture, whose first pixel is at (base_x, base_y) */
    uint32_t base_x, base_y;
    uint32_t width, height;          /* of the picture */
    uint32_t ring;                   /* not 0: its row y is base's row y % ring */
    uint32_t x, n;                   /* the columns whose pixels may be asked for */
    size_t channels, count;          /* count: of windows whose means are asked for */
    uint32_t radius[GMLP_WINDOWS], area[GMLP_WINDOWS];
    uint32_t factor[GMLP_WINDOWS], last[GMLP_WINDOWS]; /* x / area = (x * factor >> 16) * last >> 16 for all sums */
    uint16_t *sums[GMLP_WINDOWS];    /* of the columns x - radius .. x + n - 1 + radius */
    uint32_t *next[GMLP_WINDOWS];    /* the row after that which a segment's sums are of; 0: there are none yet */
} gmlp__windows;

static size_t gmlp__windows_segments(size_t columns) {
    return columns < 2 * GMLP__SEGMENT ? 1 : columns / GMLP__SEGMENT;
}

/* Bytes that the sums of n columns take, in front of them the segments' rows. */
static size_t gmlp__windows_size(const uint8_t radius[GMLP_WINDOWS], size_t n, size_t channels) {
    size_t i, size = 0;
    for (i = 0; i < GMLP_WINDOWS; i++) {
        const size_t columns = n + 2u * radius[i];
        size += gmlp__windows_segments(columns) * sizeof(uint32_t) +
                ((columns * channels + 4 + 1) & ~(size_t)1) * sizeof(uint16_t);
    }
    return size;
}

/* memory: gmlp__windows_size, for words. */
static void gmlp__windows_init(gmlp__windows *w, const gmlp__kernels *kernels, const uint8_t radius[GMLP_WINDOWS],
                               const gmlp_image *base, uint32_t x, uint32_t n, void *memory) {
    uint32_t *at = (uint32_t *)memory;
    size_t i;
    memset(w, 0, sizeof *w);
    w->kernels = kernels;
    w->base = base;
    w->x = x;
    w->n = n;
    w->channels = base->channels == 4 ? 4 : 3;
    for (i = 0; i < GMLP_WINDOWS; i++) {
        const uint32_t side = 2u * radius[i] + 1u, area = side * side;
        const size_t columns = n + 2u * radius[i];
        uint32_t bits = 16;
        while (area >> (bits - 15)) bits++; /* factor = 2^bits / area, rounded up, has 16 bits at most */
        w->radius[i] = radius[i];
        w->area[i] = area;
        w->factor[i] = ((1u << bits) + area - 1) / area;
        w->last[i] = 1u << (32 - bits);
        w->next[i] = at;
        at += gmlp__windows_segments(columns);
        w->sums[i] = (uint16_t *)(void *)at;
        at += (columns * w->channels + 4 + 1) / 2;
        memset(w->next[i], 0, gmlp__windows_segments(columns) * sizeof(uint32_t));
        memset(w->sums[i] + columns * w->channels, 0, 4 * sizeof(uint16_t));
    }
}

/* Codes of row y of the picture, or the border's, from column x on. */
static const unsigned char *gmlp__windows_row(const gmlp__windows *w, int64_t y, size_t x) {
    const uint32_t last = w->height - 1, row = y < 0 ? 0 : y > (int64_t)last ? last : (uint32_t)y;
    return gmlp__row(w->base, w->ring ? row % w->ring : row - w->base_y) + (x - w->base_x) * w->channels;
}

/* Brings segment k of window i to row y. Columns beyond the picture's are its outermost ones again. */
static void gmlp__windows_seek(const gmlp__windows *w, size_t i, size_t k, uint32_t y) {
    const size_t c = w->channels, radius = w->radius[i], all = w->n + 2 * radius;
    const size_t left = w->x < radius ? radius - w->x : 0, after = w->width - w->x - w->n,
                 right = after < radius ? all - (radius - after) : all;
    const size_t from = k * GMLP__SEGMENT, to = k + 1 < gmlp__windows_segments(all) ? from + GMLP__SEGMENT : all;
    const size_t begin = from < left ? left : from, end = to > right ? right : to, x = w->x + begin - radius;
    const uint32_t next = w->next[i][k];
    uint16_t *const s = w->sums[i];
    int64_t r;
    size_t j;
    if (next == y + 1) return;
    if (next && y >= next && y - next < radius) {
        for (r = next; r <= (int64_t)y; r++)
            w->kernels->add_codes(s + begin * c, gmlp__windows_row(w, r + (int64_t)radius, x),
                                  gmlp__windows_row(w, r - 1 - (int64_t)radius, x), (end - begin) * c);
    } else {
        memset(s + begin * c, 0, (end - begin) * c * sizeof *s);
        for (r = (int64_t)y - (int64_t)radius; r <= (int64_t)(y + radius); r++)
            w->kernels->add_codes(s + begin * c, gmlp__windows_row(w, r, x), NULL, (end - begin) * c);
    }
    for (j = from * c; j < begin * c; j++) s[j] = s[begin * c + j % c];
    for (j = end * c; j < to * c; j++) s[j] = s[j - c];
    w->next[i][k] = y + 1;
}

/* The means at n pixels x + column[i], ascending, of row y, to the nearest code: of each window two words a pixel,
   whose four halves are three channels' (and one of no use) as they lie in memory. n <= GMLP__CHUNK */
static void gmlp__windows_means(const gmlp__windows *w, uint32_t y, const uint32_t *column, size_t n,
                                int32_t *const means[GMLP_WINDOWS]) {
    const size_t channels = w->channels;
    size_t i, j, k;
    for (i = 0; i < w->count; i++) {
        const size_t side = 2 * (size_t)w->radius[i] + 1, most = gmlp__windows_segments(w->n + side - 1) - 1;
        uint64_t four, sum = 0; /* a pixel's channels at once: no sum reaches 2^16 */
        for (k = column[0] / GMLP__SEGMENT; k <= (column[n - 1] + side - 1) / GMLP__SEGMENT && k <= most; k++)
            gmlp__windows_seek(w, i, k, y);
        if (column[0] / GMLP__SEGMENT > most) gmlp__windows_seek(w, i, most, y);
        for (j = 0; j < n; j++) {
            const uint16_t *s = w->sums[i] + column[j] * channels;
            if (j && column[j] == column[j - 1] + 1) { /* one column more, one less */
                memcpy(&four, s + (side - 1) * channels, 8);
                sum += four;
                memcpy(&four, s - channels, 8);
                sum -= four;
            } else {
                for (k = 0, sum = 0; k < side; k++, s += channels) {
                    memcpy(&four, s, 8);
                    sum += four;
                }
            }
            memcpy(means[i] + 2 * j, &sum, 8);
        }
        if (side > 1) w->kernels->divide(means[i], w->area[i] / 2, w->factor[i], w->last[i], GMLP__PAD(2 * n));
    }
}

static size_t gmlp__features(const uint8_t frequencies[GMLP_INPUTS]) {
    size_t i, n = 0;
    for (i = 0; i < GMLP_INPUTS; i++) {
        if (frequencies[i] > GMLP_MAX_FREQUENCIES) return 0;
        n += 2 * (size_t)frequencies[i];
    }
    return n;
}

/* Coordinate i of n in [-1, 1], as linspace(-1, 1, n). */
static float gmlp__coordinate(double i, uint32_t n) {
    return n > 1 ? (float)(2.0 * i / (double)(n - 1) - 1.0) : -1.0f;
}

static float gmlp__code_input(int inputs, size_t code) {
    const double v = (double)code / 255.0;
    return (float)(inputs == GMLP_INPUT_HALF ? v - 0.5 : 2.0 * v - 1.0); /* exact product: safe to fuse */
}

#ifndef GMLP_DECODE_ONLY
GMLP_DEF gmlp_result gmlp_sinusoidal_encoding(const uint8_t frequencies[GMLP_INPUTS], const float *inputs, size_t n,
                                              float *features, int isa) {
    const gmlp__kernels *k = gmlp__select(isa);
    float row[2 * GMLP_MAX_FREQUENCIES * GMLP_INPUTS + 16];
    const size_t count = frequencies ? gmlp__features(frequencies) : 0;
    gmlp__fp_state fp;
    size_t i;
    if (!k || !count || (n && (!inputs || !features))) return GMLP_E_ARGUMENT;
    fp = gmlp__fp_enter();
    for (i = 0; i < n; i++) {
        gmlp__encode(k, frequencies, inputs + i * GMLP_INPUTS, row);
        memcpy(features + i * count, row, count * sizeof(float));
    }
    gmlp__fp_leave(fp);
    return GMLP_OK;
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>mlp: the network: forward, backward, Adam
*/
/* Inside, layers are padded with zeros to multiples of 16 neurons, which stay zero: their
   inputs, gradients and moments are all zero. One block of floats holds W1[features][wide],
   b1[wide], W2[wide][wide], b2[wide], W3 transposed[3][wide], b3[16]. */
typedef struct gmlp__shape {
    size_t features, row;   /* row: of one sample's features, padded */
    size_t width, wide;     /* wide: width padded */
    size_t b1, w2, b2, w3, b3, count; /* offsets in the block, its size */
    int sine, late_biases;            /* late: b2 and b3 train */
} gmlp__shape;

#define GMLP__LARGEST 32767 /* of a quantized weight, in steps */

/* 0: the shape is not allowed. */
static size_t gmlp__weights(const gmlp_mlp *mlp) {
    const size_t f = gmlp__features(mlp->frequencies);
    size_t w;
    if (!f || mlp->width < 8 || mlp->width > GMLP_MAX_WIDTH || mlp->width % 8) return 0;
    if (mlp->activation < 0 || mlp->activation > GMLP_SINE || mlp->bias < 0 || mlp->bias > GMLP_BIAS_FIRST) return 0;
    w = (size_t)mlp->width;
    return f * w + w + w * w + w + w * 3 + 3;
}

static void gmlp__shape_of(const gmlp_mlp *mlp, gmlp__shape *s) {
    s->features = gmlp__features(mlp->frequencies);
    s->row = GMLP__PAD(s->features + 15); /* a sample's last features are written a whole vector at a time */
    s->width = (size_t)mlp->width;
    s->wide = GMLP__PAD(s->width);
    s->b1 = s->features * s->wide;
    s->w2 = s->b1 + s->wide;
    s->b2 = s->w2 + s->wide * s->wide;
    s->w3 = s->b2 + s->wide;
    s->b3 = s->w3 + 3 * s->wide;
    s->count = s->b3 + 16;
    s->sine = mlp->activation == GMLP_SINE;
    s->late_biases = mlp->bias == GMLP_BIAS_ALL;
}

/* Flat weights (the public layout) into a padded block. */
static void gmlp__pack(const gmlp__shape *s, const float *flat, float *block) {
    const size_t w = s->width;
    size_t i, c;
    memset(block, 0, s->count * sizeof(float));
    for (i = 0; i < s->features; i++, flat += w) memcpy(block + i * s->wide, flat, w * sizeof(float));
    memcpy(block + s->b1, flat, w * sizeof(float)), flat += w;
    for (i = 0; i < w; i++, flat += w) memcpy(block + s->w2 + i * s->wide, flat, w * sizeof(float));
    memcpy(block + s->b2, flat, w * sizeof(float)), flat += w;
    for (i = 0; i < w; i++, flat += 3)
        for (c = 0; c < 3; c++) block[s->w3 + c * s->wide + i] = flat[c];
    memcpy(block + s->b3, flat, 3 * sizeof(float));
}

/* The two transposes that the products need besides the block: W2 transposed[wide][wide], then
   W3[wide][16]. */
static size_t gmlp__transposes_count(const gmlp__shape *s) { return s->wide * s->wide + s->wide * 16; }

static void gmlp__transpose(const gmlp__shape *s, const float *block, float *t) {
    const float *w2 = block + s->w2, *w3 = block + s->w3;
    float *t3 = t + s->wide * s->wide;
    size_t i, j, c;
    for (i = 0; i < s->wide; i++)
        for (j = 0; j < s->wide; j++) t[j * s->wide + i] = w2[i * s->wide + j];
    for (i = 0; i < s->wide; i++)
        for (c = 0; c < 3; c++) t3[i * 16 + c] = w3[c * s->wide + i];
}

/* Samples go through the network in chunks whose activations stay in the cache. The chunk's
   size is not part of the arithmetic: every sum runs over the samples in order. */
#define GMLP__CHUNK 64u
#define GMLP__SLACK 8u  /* rows past the last that a matrix kernel may read */

typedef struct gmlp__pass {
    float *f;          /* [chunk][row]   features */
    float *h1, *h2;    /* [chunk][wide]  activations */
    float *c1, *c2;    /* [chunk][wide]  their derivatives (sine only) */
    float *d1, *d2;    /* [chunk][wide]  gradients */
    float *out, *target, *d3; /* [chunk][16] outputs, what they should be, their gradients */
} gmlp__pass;

static void gmlp__product(const gmlp__kernels *k, const float *a, size_t a_row, size_t a_k, const float *b, size_t b_k,
                          float *c, size_t c_row, size_t rows, size_t depth, size_t cols, const float *init,
                          const float *mask, int mode) {
    gmlp__gemm g;
    g.a = a;
    g.a_row = a_row;
    g.a_k = a_k;
    g.b = b;
    g.b_k = b_k;
    g.c = c;
    g.c_row = c_row;
    g.rows = rows;
    g.k = depth;
    g.cols = cols;
    g.init = init;
    g.mask = mask;
    g.mode = mode;
    k->gemm(&g);
}

/* All layers, from p->f to p->out. */
static void gmlp__forward(const gmlp__kernels *k, const gmlp__shape *s, const float *block, const float *transposes,
                          gmlp__pass *p, size_t n, int derivative) {
    const int mode = s->sine ? GMLP__GEMM_SET : GMLP__GEMM_RELU;
    gmlp__product(k, p->f, s->row, 1, block, s->wide, p->h1, s->wide, n, s->features, s->wide, block + s->b1, NULL,
                  mode);
    if (s->sine) k->sine(p->h1, derivative ? p->c1 : NULL, n * s->wide);
    gmlp__product(k, p->h1, s->wide, 1, block + s->w2, s->wide, p->h2, s->wide, n, s->width, s->wide, block + s->b2,
                  NULL, mode);
    if (s->sine) k->sine(p->h2, derivative ? p->c2 : NULL, n * s->wide);
    k->outputs(p->h2, s->wide, transposes + s->wide * s->wide, s->width, block + s->b3, p->out, n);
}

#ifndef GMLP_DECODE_ONLY
static size_t gmlp__pass_count(const gmlp__shape *s) {
    return (GMLP__CHUNK + GMLP__SLACK) * (s->row + 6 * s->wide + 3 * 16) + 16;
}

/* Lays a pass over zeroed memory of gmlp__pass_count floats. */
static void gmlp__pass_init(const gmlp__shape *s, float *memory, gmlp__pass *p) {
    const size_t rows = GMLP__CHUNK + GMLP__SLACK, layer = rows * s->wide;
    p->f = memory;
    p->h1 = p->f + rows * s->row;
    p->h2 = p->h1 + layer;
    p->c1 = p->h2 + layer;
    p->c2 = p->c1 + layer;
    p->d1 = p->c2 + layer;
    p->d2 = p->d1 + layer;
    p->out = p->d2 + layer;
    p->target = p->out + rows * 16;
    p->d3 = p->target + rows * 16;
}

/* A padded block into flat weights. */
static void gmlp__unpack(const gmlp__shape *s, const float *block, float *flat) {
    const size_t w = s->width;
    size_t i, c;
    for (i = 0; i < s->features; i++, flat += w) memcpy(flat, block + i * s->wide, w * sizeof(float));
    memcpy(flat, block + s->b1, w * sizeof(float)), flat += w;
    for (i = 0; i < w; i++, flat += w) memcpy(flat, block + s->w2 + i * s->wide, w * sizeof(float));
    memcpy(flat, block + s->b2, w * sizeof(float)), flat += w;
    for (i = 0; i < w; i++, flat += 3)
        for (c = 0; c < 3; c++) flat[c] = block[s->w3 + c * s->wide + i];
    memcpy(flat, block + s->b3, 3 * sizeof(float));
}

/* Adds the gradient of n samples, whose output gradients are in p->d3, to gradient (a block). */
static void gmlp__backward(const gmlp__kernels *k, const gmlp__shape *s, const float *block, const float *transposes,
                           gmlp__pass *p, size_t n, float *gradient) {
    const size_t w = s->wide;
    const int mode = s->sine ? GMLP__GEMM_SET : GMLP__GEMM_MASK;
    gmlp__product(k, p->d3, 1, 16, p->h2, w, gradient + s->w3, w, 3, n, w, NULL, NULL, GMLP__GEMM_ADD);
    if (s->late_biases) k->columns(p->d3, n, 16, gradient + s->b3);
    gmlp__product(k, p->d3, 16, 1, block + s->w3, w, p->d2, w, n, 3, w, NULL, p->h2, mode);
    if (s->sine) k->scale(p->d2, p->c2, n * w);
    gmlp__product(k, p->h1, 1, w, p->d2, w, gradient + s->w2, w, s->width, n, w, NULL, NULL, GMLP__GEMM_ADD);
    if (s->late_biases) k->columns(p->d2, n, w, gradient + s->b2);
    gmlp__product(k, p->d2, w, 1, transposes, w, p->d1, w, n, s->width, w, NULL, p->h1, mode);
    if (s->sine) k->scale(p->d1, p->c1, n * w);
    gmlp__product(k, p->f, 1, s->row, p->d1, w, gradient, w, s->features, n, w, NULL, NULL, GMLP__GEMM_ADD);
    k->columns(p->d1, n, w, gradient + s->b1);
}

/* The sum of squared differences from the gradients of the outputs, factor * (p->out - p->target). */
static double gmlp__loss(const gmlp__pass *p, size_t n, float factor) {
    double sum = 0.0;
    size_t i, c;
    for (i = 0; i < n; i++)
        for (c = 0; c < 3; c++) sum += (double)p->d3[i * 16 + c] * (double)p->d3[i * 16 + c]; /* exact: safe to fuse */
    return sum / ((double)factor * (double)factor);
}

/* Random numbers: SplitMix64 (Steele, Lea, Flood, 2014), as a function of a counter. */
static uint64_t gmlp__random(uint64_t seed, uint64_t counter) {
    uint64_t z = seed + (counter + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

GMLP_DEF size_t gmlp_mlp_features(const gmlp_mlp *mlp) { return mlp ? gmlp__features(mlp->frequencies) : 0; }

GMLP_DEF size_t gmlp_mlp_weights(const gmlp_mlp *mlp) { return mlp ? gmlp__weights(mlp) : 0; }

GMLP_DEF gmlp_result gmlp_mlp_init(const gmlp_mlp *mlp, uint64_t seed, float last_gain, float *weights) {
    const size_t count = gmlp_mlp_weights(mlp);
    size_t f, w, i, n, layer, in, out;
    uint64_t counter = 0;
    gmlp__fp_state fp;
    if (!count || !weights) return GMLP_E_ARGUMENT;
    fp = gmlp__fp_enter();
    f = gmlp_mlp_features(mlp);
    w = (size_t)mlp->width;
    for (layer = 0; layer < 3; layer++) {
        double bound;
        in = layer == 0 ? f : w;
        out = layer == 2 ? 3 : w;
        n = in * out;
        if (layer == 0 && mlp->bias == GMLP_BIAS_FIRST) in++;
        bound = gmlp__sqrt(6.0 / (double)(in + out));
        if (layer == 2) bound = gmlp__dmul(bound, (double)last_gain);
        if (layer == 0 && mlp->bias == GMLP_BIAS_FIRST) n += out;
        for (i = 0; i < n; i++) {
            const double u = (double)(gmlp__random(seed, counter++) >> 11) * (1.0 / 4503599627370496.0) - 1.0;
            *weights++ = (float)gmlp__dmul(bound, u);
        }
        if (!(layer == 0 && mlp->bias == GMLP_BIAS_FIRST))
            for (i = 0; i < out; i++) *weights++ = 0.0f;
    }
    gmlp__fp_leave(fp);
    return GMLP_OK;
}

/* The network over n samples of inputs. targets NULL: outputs are written; otherwise the gradient
   and the loss. */
static gmlp_result gmlp__mlp_run(const gmlp_mlp *mlp, const float *weights, const float *inputs, const float *targets,
                                 size_t n, float *outputs, double *loss, float *gradient, int isa,
                                 const gmlp_alloc *alloc) {
    const gmlp__kernels *k = gmlp__select(isa);
    gmlp__shape s;
    gmlp__pass p;
    gmlp__fp_state fp;
    float *memory, *block, *transposes, *sum;
    double total = 0.0;
    const float factor = (float)(2.0 / (3.0 * (double)(n ? n : 1)));
    size_t i, j, m, c, size;
    if (!k || !gmlp_mlp_weights(mlp) || !weights || (n && !inputs)) return GMLP_E_ARGUMENT;
    gmlp__shape_of(mlp, &s);
    size = (2 * s.count + gmlp__transposes_count(&s) + gmlp__pass_count(&s)) * sizeof(float);
    memory = (float *)gmlp__alloc(alloc, size);
    if (!memory) return GMLP_E_MEMORY;
    fp = gmlp__fp_enter();
    memset(memory, 0, size);
    block = memory;
    sum = block + s.count;
    transposes = sum + s.count;
    gmlp__pass_init(&s, transposes + gmlp__transposes_count(&s), &p);
    gmlp__pack(&s, weights, block);
    gmlp__transpose(&s, block, transposes);
    for (i = 0; i < n; i += m) {
        m = n - i < GMLP__CHUNK ? n - i : GMLP__CHUNK;
        for (j = 0; j < m; j++) gmlp__encode(k, mlp->frequencies, inputs + (i + j) * GMLP_INPUTS, p.f + j * s.row);
        gmlp__forward(k, &s, block, transposes, &p, m, targets != NULL);
        if (targets) {
            for (j = 0; j < m; j++) memcpy(p.target + j * 16, targets + (i + j) * 3, 3 * sizeof(float));
            k->error(p.out, p.target, factor, p.d3, m * 16);
            total += gmlp__loss(&p, m, factor);
            gmlp__backward(k, &s, block, transposes, &p, m, sum);
        } else {
            for (j = 0; j < m; j++)
                for (c = 0; c < 3; c++) outputs[(i + j) * 3 + c] = p.out[j * 16 + c];
        }
    }
    if (targets) gmlp__unpack(&s, sum, gradient);
    if (loss) *loss = n ? total / (3.0 * (double)n) : 0.0;
    gmlp__fp_leave(fp);
    gmlp__free(alloc, memory, size);
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_mlp_forward(const gmlp_mlp *mlp, const float *weights, const float *inputs, size_t n,
                                      float *outputs, int isa, const gmlp_alloc *alloc) {
    if (n && !outputs) return GMLP_E_ARGUMENT;
    return gmlp__mlp_run(mlp, weights, inputs, NULL, n, outputs, NULL, NULL, isa, alloc);
}

GMLP_DEF gmlp_result gmlp_mlp_gradient(const gmlp_mlp *mlp, const float *weights, const float *inputs,
                                       const float *targets, size_t n, double *loss, float *gradient, int isa,
                                       const gmlp_alloc *alloc) {
    if (!targets || !gradient) return GMLP_E_ARGUMENT;
    return gmlp__mlp_run(mlp, weights, inputs, targets, n, NULL, loss, gradient, isa, alloc);
}

/* What the kernel needs for one step: moment factors, the step with its bias correction (negative:
   it is added), the second moment's correction, epsilon. power1 and power2 are beta^step. */
static void gmlp__adam_constants(const gmlp_adam *a, double power1, double power2, float k[8]) {
    k[0] = (float)a->beta1;
    k[1] = (float)(1.0 - a->beta1);
    k[2] = (float)a->beta2;
    k[3] = (float)(1.0 - a->beta2);
    k[4] = (float)(-a->learning_rate / (1.0 - power1));
    k[5] = (float)(1.0 / gmlp__sqrt(1.0 - power2));
    k[6] = (float)a->epsilon;
    k[7] = 0.0f;
}

GMLP_DEF gmlp_result gmlp_adam_step(const gmlp_adam *adam, uint32_t step, const float *gradient, float *weights,
                                    float *m, float *v, size_t n, int isa) {
    const gmlp__kernels *kernels = gmlp__select(isa);
    const size_t whole = n & ~(size_t)15u, rest = n - whole;
    double power1 = 1.0, power2 = 1.0;
    float k[8], tail[4][16];
    gmlp__fp_state fp;
    uint32_t i;
    if (!kernels || !adam || !step || !gradient || !weights || !m || !v) return GMLP_E_ARGUMENT;
    if (!(adam->beta1 >= 0.0 && adam->beta1 < 1.0 && adam->beta2 >= 0.0 && adam->beta2 < 1.0)) return GMLP_E_ARGUMENT;
    fp = gmlp__fp_enter();
    for (i = 0; i < step && (power1 > 0.0 || power2 > 0.0); i++) {
        power1 = gmlp__dmul(power1, adam->beta1);
        power2 = gmlp__dmul(power2, adam->beta2);
    }
    gmlp__adam_constants(adam, power1, power2, k);
    kernels->adam(k, gradient, weights, m, v, whole);
    if (rest) {
        memset(tail, 0, sizeof tail);
        memcpy(tail[0], gradient + whole, rest * sizeof(float));
        memcpy(tail[1], weights + whole, rest * sizeof(float));
        memcpy(tail[2], m + whole, rest * sizeof(float));
        memcpy(tail[3], v + whole, rest * sizeof(float));
        kernels->adam(k, tail[0], tail[1], tail[2], tail[3], 16);
        memcpy(weights + whole, tail[1], rest * sizeof(float));
        memcpy(m + whole, tail[2], rest * sizeof(float));
        memcpy(v + whole, tail[3], rest * sizeof(float));
    }
    gmlp__fp_leave(fp);
    return GMLP_OK;
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>methods: what a network's output means. All that differs from method to method is here: gmlp__methods has a row
   for each, gmlp__gamut and gmlp__hdr what several share. The sections below ask these.
*/

/* >>blob */
static gmlp_result gmlp__fail(gmlp_error *err, gmlp_result result, size_t offset, const char *text);

/* In a check of a net's fields; offset is that of the field in a blob. */
#define GMLP__RULE(ok, offset, text) if (!(ok)) return gmlp__fail(err, GMLP_E_FIELD, offset, text)

/* A number that a blob may hold. */
static int gmlp__number_ok(float v) { return gmlp__finite(v) && v >= -1e6f && v <= 1e6f; }

/* The numbers in which a network works: map value = map_mean + map_range * output; with GMLP_INPUT_WIDE colour inputs
   are (value - input_mean) / input_range. */
typedef struct gmlp__scale {
    float map_mean, map_range, input_mean, input_range;
} gmlp__scale;

/* Where base and original are compared: *values* of three planes, made from linear light in the original's space. */
typedef struct gmlp__domain {
    const struct gmlp__method *method;
    const gmlp__kernels *kernels;
    gmlp__scale scale;
    float signal_max;                /* HDR: linear light of signal 1 */
    gmlp__curve signal, light; /* HDR: light to signal and back */
    double weight;             /* HDR: of the HDR rendition, 1 unless there is less headroom */
    int direct;                /* decoding: the value itself is the code to write */
} gmlp__domain;

/* What methods share. NULL: there is nothing to do. Planes are padded to multiples of 16. */
typedef struct gmlp__family {
    uint32_t bases;               /* spaces that the base may have: bits of 1 << gmlp_space */
    int numbers;                  /* in the blob, by gmlp__number */
    const gmlp__scale *scale;     /* NULL: measured on the samples, in the net */
    gmlp_result (*examine)(const gmlp_net *net, gmlp_error *err);
    void (*open)(gmlp__domain *d, const gmlp_net *net, double headroom, void *memory);
    int (*direct)(const gmlp_net *net, int space, double white_nits); /* is a value the code that space has for it? */
    void (*base)(const gmlp__domain *d, float *const planes[3], float *const kept[3], size_t n); /* light to values */
    void (*light)(const gmlp__domain *d, float *const planes[3], float *const kept[3], size_t n); /* values to light */
} gmlp__family;

typedef struct gmlp__method {
    const gmlp__family *family;
    float (*undo)(float base, float map);      /* the original's, from 0 on; NULL: map, plus base where adds */
    int adds;
} gmlp__method;

/* GamutMLP. Values: linear light, the original's within 0..1. */

static const gmlp__scale gmlp__gamut_scale = {0.0f, 0.5f, 0.5f, 0.5f};

static const gmlp__family gmlp__gamut = {
    1u << GMLP_SRGB | 1u << GMLP_SYCC, 0, &gmlp__gamut_scale, NULL, NULL, NULL, NULL, NULL
};

/* HDR. Values: signals, 0..1. */

#define GMLP__MAP_E (1.0 / 64.0)
#define GMLP__MOST_LIGHT 1e6 /* of an HDR picture, in parts of white */
#define GMLP__NUMBERS 7

static gmlp_result gmlp__hdr_check(const gmlp_net *net, gmlp_error *err) {
    GMLP__RULE(net->mask == GMLP_MASK_ALL, 35, "an HDR network is for all pixels");
    GMLP__RULE(gmlp__finite(net->white_nits) && net->white_nits > 0.0f && net->white_nits <= (float)GMLP__PQ_NITS, 118,
               "the white is not within 0..10000 cd/m2");
    GMLP__RULE(gmlp__finite(net->signal_max) && net->signal_max > 1e-6f && net->signal_max <= 1e9f, 122,
               "the peak is not a number above 1e-6 and up to 1e9");
    GMLP__RULE(gmlp__finite(net->content_max) && net->content_max > 0.0f && net->content_max <= net->signal_max, 126,
               "the brightest light is not within 0..peak");
    return GMLP_OK;
}

static void gmlp__hdr_open(gmlp__domain *d, const gmlp_net *net, double headroom, void *memory) {
    const double nits = GMLP__PQ_NITS / (double)net->signal_max, stops = gmlp__log2((double)net->content_max);
    gmlp__curve_init(&d->signal, GMLP_REC2020_PQ, 1, nits, memory);
    gmlp__curve_init(&d->light, GMLP_REC2020_PQ, 0, nits,
                     (unsigned char *)memory + gmlp__curve_bytes(GMLP_REC2020_PQ, 1));
    d->signal_max = net->signal_max;
    if (headroom > 0.0 && headroom < stops) d->weight = headroom / stops;
}

static int gmlp__hdr_direct(const gmlp_net *net, int space, double white_nits) {
    const double *xy = gmlp__space_of(space)->xy, nits = GMLP__PQ_NITS / (double)net->signal_max;
    return space == GMLP_REC2020_PQ &&
           /* checked: a net's spaces are looked at before */
           !memcmp(xy, gmlp__space_of(net->wide_space)->xy, sizeof gmlp__space_of(space)->xy) &&
           nits - white_nits < 1e-6 * nits && white_nits - nits < 1e-6 * nits;
}

static void gmlp__hdr_signals(const gmlp__domain *d, float *const planes[3], size_t n) {
    const gmlp__kernels *k = d->kernels;
    size_t c;
    for (c = 0; c < 3; c++) {
        k->clamp(planes[c], planes[c], n, d->signal_max);
        k->curve(&d->signal, planes[c], planes[c], n, 0);
        k->clamp(planes[c], planes[c], n, 1.0f);
    }
}

static void gmlp__hdr_base(const gmlp__domain *d, float *const planes[3], float *const kept[3], size_t n) {
    size_t c;
    for (c = 0; c < 3 && d->weight < 1.0; c++) d->kernels->clamp(planes[c], kept[c], n, d->signal_max);
    gmlp__hdr_signals(d, planes, n);
}

/* With less headroom than the picture has: between the light of the base, which was kept, and its own. */
static void gmlp__hdr_light(const gmlp__domain *d, float *const planes[3], float *const kept[3], size_t n) {
    size_t i, c;
    for (c = 0; c < 3; c++) {
        d->kernels->curve(&d->light, planes[c], planes[c], n, 0);
        for (i = 0; d->weight < 1.0 && i < n; i++) {
            const double b = (double)kept[c][i] + GMLP__MAP_E,
                         stops = gmlp__log2(((double)planes[c][i] + GMLP__MAP_E) / b);
            planes[c][i] = (float)(gmlp__dmul(b, gmlp__exp2(gmlp__dmul(d->weight, stops))) - GMLP__MAP_E);
        }
    }
}

static float gmlp__gain_undo(float s, float m) {
    return (float)(gmlp__dmul((double)s + GMLP__MAP_E, (double)m) - GMLP__MAP_E);
}

static double gmlp__gamma_base(float s) { /* log2 of s + e */
    const double v = (double)s + GMLP__MAP_E;
    return gmlp__log2(v < 1.0 - GMLP__MAP_E ? v : 1.0 - GMLP__MAP_E);
}

static float gmlp__gamma_undo(float s, float m) {
    const double h = gmlp__dmul((double)m, gmlp__gamma_base(s));
    return (float)(h < 1.0 ? gmlp__exp2(h > -64.0 ? h : -64.0) - GMLP__MAP_E : 1.0); /* NaN: 1 */
}

static const gmlp__family gmlp__hdr = {
    1u << GMLP_SRGB | 1u << GMLP_P3 | 1u << GMLP_REC709 | 1u << GMLP_SYCC, GMLP__NUMBERS, NULL,
    gmlp__hdr_check, gmlp__hdr_open, gmlp__hdr_direct, gmlp__hdr_base, gmlp__hdr_light
};

/* A row a gmlp_method. */
static const gmlp__method gmlp__methods[] = {
    {&gmlp__gamut, NULL, 1}, /* NONE: its base is read alike */
    {&gmlp__gamut, NULL, 1},
    {&gmlp__hdr, NULL, 1},
    {&gmlp__hdr, gmlp__gain_undo, 0},
    {&gmlp__hdr, gmlp__gamma_undo, 0},
    {&gmlp__hdr, NULL, 0}
};

/* NULL: unknown. */
static const gmlp__method *gmlp__method_of(int method) {
    return method >= GMLP_METHOD_NONE && method <= GMLP_METHOD_DIRECT ? &gmlp__methods[method] : NULL;
}

static int gmlp__base_ok(const gmlp__family *family, int space) {
    return space > 0 && space < 32 && (family->bases >> space & 1u);
}

/* Bytes that gmlp__domain_open needs, a multiple of 8. */
static size_t gmlp__domain_bytes(const gmlp_net *net) {
    const gmlp__family *family = gmlp__method_of(net->method)->family;
    return family->open ? gmlp__curve_bytes(GMLP_REC2020_PQ, 1) + gmlp__curve_bytes(GMLP_REC2020_PQ, 0) : 0;
}

/* The net's method is known; of its family are the fields in use. The domain keeps using memory. */
static void gmlp__domain_open(gmlp__domain *d, const gmlp_net *net, double headroom, const gmlp__kernels *kernels,
                              void *memory) {
    d->method = gmlp__method_of(net->method);
    d->kernels = kernels;
    d->weight = 1.0;
    if (d->method->family->scale) d->scale = *d->method->family->scale;
    else {
        d->scale.map_mean = net->map_mean;
        d->scale.map_range = net->map_range;
        d->scale.input_mean = net->input_mean;
        d->scale.input_range = net->input_range;
    }
    if (d->method->family->open) d->method->family->open(d, net, headroom, memory);
}

/* The map to values of the original, from those of the base, which are in planes. */
static void gmlp__domain_undo(const gmlp__domain *d, float *const map[3], float *const planes[3], size_t n) {
    const gmlp__method *m = d->method;
    size_t i, c;
    for (c = 0; c < 3; c++) {
        float *const p = planes[c];
        if (m->undo) {
            for (i = 0; i < n; i++) p[i] = m->undo(p[i], map[c][i]);
            d->kernels->clamp(p, p, GMLP__PAD(n), 1.0f);
            continue;
        }
        if (!m->adds) memset(p, 0, GMLP__PAD(n) * sizeof *p);
        d->kernels->correct(map[c], p, GMLP__PAD(n));
    }
}

#ifndef GMLP_DECODE_ONLY
/* Training. */

typedef struct gmlp__preset {
    uint32_t iterations, batch, budget;
    uint32_t effort; /* times the iterations and the batch, for a compressed base: its noise takes larger batches */
    int width;
    uint8_t frequencies[GMLP_INPUTS], radius[GMLP_WINDOWS];
} gmlp__preset;

/* What training needs to know of a family besides. */
typedef struct gmlp__lessons {
    const gmlp__family *family;
    int finds_og;                 /* OG pixels are told from others; where there are none, nothing is trained */
    struct {
        int method, inputs, mask, bias;
    } kind[2];                    /* of the networks: all presets but PAPER; PAPER */
    double paper_rate, muon_learning_rate;
    gmlp__preset presets[5];
    int (*options)(gmlp_train_opts *o); /* resolves those of its own; 0: out of range */
    /* from the original's brightest channel */
    void (*choose)(const gmlp_train_opts *o, double brightest, gmlp_net *net);
    void (*original)(const gmlp__domain *d, float *const planes[3], size_t n); /* light to values, as base */
} gmlp__lessons;

static int gmlp__gamut_options(gmlp_train_opts *o) { return !o->method; }

static void gmlp__gamut_original(const gmlp__domain *d, float *const planes[3], size_t n) {
    size_t c;
    for (c = 0; c < 3; c++) d->kernels->clamp(planes[c], planes[c], n, 1.0f);
}

static const gmlp__lessons gmlp__gamut_lessons = {
    &gmlp__gamut, 1,
    {{GMLP_METHOD_RESIDUAL, GMLP_INPUT_CODES, GMLP_MASK_SATURATED, GMLP_BIAS_ALL},
     {GMLP_METHOD_RESIDUAL, GMLP_INPUT_WIDE, GMLP_MASK_ALL, GMLP_BIAS_FIRST}},
    5e-3, 2.3e-2,
    {{1000, 2048, 4096, 2, 32, {9, 9, 4, 4, 4, 3, 3, 3, 3, 3, 3}, {1, 3}},
     {9000, 65536, 0, 1, 32, {12, 12, 12, 12, 12, 0, 0, 0, 0, 0, 0}, {0, 0}},
     {250, 1024, 4096, 1, 32, {8, 8, 4, 4, 4, 3, 3, 3, 3, 3, 3}, {1, 3}},
     {2000, 2048, 10240, 1, 96, {9, 9, 4, 4, 4, 3, 3, 3, 3, 3, 3}, {1, 3}},
     {2800, 2048, 23552, 1, 128, {9, 9, 4, 4, 4, 3, 3, 3, 3, 3, 3}, {1, 3}}},
    gmlp__gamut_options, NULL, gmlp__gamut_original
};

static int gmlp__hdr_options(gmlp_train_opts *o) {
    if (o->white_nits == 0.0) o->white_nits = o->preset == GMLP_PRESET_PAPER ? 100.0 : GMLP__WHITE_NITS;
    return (!o->method || (o->method >= GMLP_METHOD_DIFFERENCE && o->method <= GMLP_METHOD_DIRECT)) &&
           o->white_nits > 0.0 && o->white_nits <= GMLP__PQ_NITS &&
           (o->signal_max == 0.0 || (o->signal_max >= 1e-3 && o->signal_max <= GMLP__MOST_LIGHT));
}

static void gmlp__hdr_choose(const gmlp_train_opts *o, double brightest, gmlp_net *net) {
    const double pq = GMLP__PQ_NITS / o->white_nits;
    double peak = o->signal_max;
    if (brightest > GMLP__MOST_LIGHT) brightest = GMLP__MOST_LIGHT;
    if (peak == 0.0 && o->preset == GMLP_PRESET_PAPER) peak = pq / 10.0;
    if (peak == 0.0) peak = brightest > pq * 1.0001 ? brightest : pq; /* rounding alone goes beyond */
    net->white_nits = (float)o->white_nits;
    net->signal_max = (float)peak;
    net->content_max = brightest > 1e-6 ? brightest < peak ? (float)brightest : net->signal_max : 1e-6f;
}

static const gmlp__lessons gmlp__hdr_lessons = {
    &gmlp__hdr, 0,
    {{GMLP_METHOD_DIFFERENCE, GMLP_INPUT_HALF, GMLP_MASK_ALL, GMLP_BIAS_ALL},
     {GMLP_METHOD_GAMMA, GMLP_INPUT_WIDE, GMLP_MASK_ALL, GMLP_BIAS_ALL}},
    1e-2, 3e-2,
    {{1500, 1024, 5120, 1, 48, {8, 8, 4, 4, 4, 3, 3, 3, 3, 3, 3}, {1, 5}},
     {1000, 65536, 0, 1, 16, {12, 12, 12, 12, 12, 0, 0, 0, 0, 0, 0}, {0, 0}},
     {300, 1024, 5120, 1, 48, {8, 8, 4, 4, 4, 3, 3, 3, 3, 3, 3}, {1, 5}},
     {2500, 2048, 10240, 1, 80, {9, 9, 4, 4, 4, 3, 3, 3, 3, 3, 3}, {1, 5}},
     {4000, 1024, 23552, 1, 128, {9, 9, 4, 4, 4, 3, 3, 3, 3, 3, 3}, {1, 5}}},
    gmlp__hdr_options, gmlp__hdr_choose, gmlp__hdr_signals
};

/* The map's value of two values. */
static float gmlp__difference(float base, float original) { return original - base; }

static float gmlp__gain(float s, float h) { return (float)(((double)h + GMLP__MAP_E) / ((double)s + GMLP__MAP_E)); }

static float gmlp__gamma_map(float s, float h) {
    return (float)(gmlp__log2((double)h + GMLP__MAP_E) / gmlp__gamma_base(s));
}

static float gmlp__itself(float s, float h) {
    (void)s;
    return h;
}

/* A row a gmlp_method. */
static float (*const gmlp__maps[])(float base, float original) = {
    gmlp__difference, gmlp__difference, gmlp__difference, gmlp__gain, gmlp__gamma_map, gmlp__itself
};
#endif /* GMLP_DECODE_ONLY */

/* >>edits */
enum {
    GMLP__LANDMARK_BYTES = 5,
    GMLP__LANDMARKS_FEW = 8 /* a net with fewer counts as one without */
};

#ifndef GMLP_DECODE_ONLY
/* ---------------------------------------------------------------------------------------
   >>train: training on one picture
*/

/* >>blob */
static void gmlp__sycc_rgb(const uint8_t *codes, int32_t rgb[3]);
static int32_t gmlp__clip_code(int32_t v);
static int32_t gmlp__round16(int32_t v);
static void gmlp__steps_choose(gmlp_net *net, float *scratch, uint32_t budget);
static void gmlp__steps_round(gmlp_net *net);
static size_t gmlp__blob_bytes(const gmlp_net *net);
static int gmlp__weights_ok(const gmlp_net *net);
/* >>edits */
static gmlp_result gmlp__landmarks_make(const gmlp_net *net, const gmlp_image *base, const gmlp_threads *threads,
                                        uint8_t *out, uint32_t *count);

typedef gmlp_device_sample gmlp__sample;

/* More distinct pixels than this teach a few thousand weights nothing new. */
#define GMLP__MAX_SAMPLES (1u << 20)
#define GMLP__MAX_SHARDS 16u

typedef struct gmlp__trainer {
    uint8_t landmarks[GMLP_MAX_LANDMARKS * GMLP__LANDMARK_BYTES]; /* the most useful first */
    uint32_t landmark_count;
    gmlp_net *net;
    gmlp_train_opts opts;             /* resolved */
    uint32_t effort[2];               /* for a compressed base: times the iterations, times the batch */
    const gmlp__kernels *kernels;
    const gmlp_image *base, *wide;
    gmlp_image few_rows;        /* of wide: every gmlp__margin_step-th one */
    gmlp__loader load_base, load_wide;
    unsigned char *curves;      /* memory of the loaders and the domain */
    size_t curves_size;
    float to_srgb[9], to_wide[9];     /* linear wide -> linear sRGB; linear base -> linear wide */
    const gmlp__lessons *lessons;
    const gmlp__family *family;       /* of these */
    gmlp__domain domain;
    gmlp__shape shape;
    /* picture: candidates of two classes per row, then their ranks; with GMLP_MASK_ALL class 0 is
       OG and class 1 the rest */
    uint64_t (*rank)[2];
    uint64_t total[2], keep[2], step_kept[2];
    uint32_t *place;                  /* of a slot's sample among them */
    uint64_t *out_of_gamut;
    double *rest, rest_error;         /* squared error of OG pixels that the network is not for */
    float *rows;                      /* memory of the jobs for a run */
    gmlp__sample *samples;
    size_t sample_count;
    /* network */
    float *block, *m, *v, *transposes;
    float *rounded;                   /* the block as steps have it, once they are chosen; what samples go through */
    float *gradients, *scratch;       /* one for each shard */
    float *muon[2];                   /* scratch of gmlp__muon, for W1 and for W2 */
    float muon_rate;
    int rounding;
    double loss[GMLP__MAX_SHARDS];
    uint32_t steps_before, steps_all; /* of other networks on the way to target_psnr; of all, for progress */
    float adam[8];
    size_t shards;
    const float *tables[GMLP_INPUTS]; /* features by row, column, code */
    uint32_t sizes[GMLP_INPUTS];
    uint32_t step;
    double power[2];                  /* Adam's betas to the step */
    /* a device does the work on pixels and samples */
    const gmlp_device *device;        /* NULL: none */
    void *work;
    gmlp_device_pictures pictures;
    gmlp_image seen_base;
    int knows_base;                   /* gmlp__know_base_by_now is done, with that result */
    gmlp_result base_result;
    gmlp_device_moments (*moments)[2]; /* of its samples */
} gmlp__trainer;

#define GMLP__MOST_BUDGET 65536u
#define GMLP__TARGET_BUDGET 32768u /* with target_psnr and without budget */

/* The widest network whose weights leave at least 3.6 bits each of a budget: more neurons at fewer bits are better
   down to there. Widths in between multiples of 16 take as long as the next of them. */
static int gmlp__width_for(uint32_t budget, const uint8_t frequencies[GMLP_INPUTS]) {
    gmlp_mlp mlp;
    memset(&mlp, 0, sizeof mlp);
    memcpy(mlp.frequencies, frequencies, sizeof mlp.frequencies);
    for (mlp.width = GMLP_MAX_WIDTH; mlp.width > 8; mlp.width -= mlp.width > 16 ? 16 : 8)
        if (gmlp__weights(&mlp) * 9 / 20 + 128 <= budget) break;
    return mlp.width;
}

/* Zero fields of the network's size to the preset's. */
static void gmlp__resolve_network(gmlp_train_opts *o, const gmlp__preset *preset, uint32_t effort[2]) {
    static const uint8_t none[GMLP_INPUTS] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    int i;
    effort[0] = o->iterations ? 1 : preset->effort;
    effort[1] = o->batch ? 1 : preset->effort;
    if (!o->iterations) o->iterations = preset->iterations;
    if (!o->batch) o->batch = preset->batch;
    if (!memcmp(o->frequencies, none, sizeof none)) memcpy(o->frequencies, preset->frequencies, sizeof o->frequencies);
    for (i = 0; i < GMLP_WINDOWS; i++)
        if (!gmlp__window_frequencies(o->frequencies, i)) o->radius[i] = 0;
        else if (!o->radius[i]) o->radius[i] = preset->radius[i] ? preset->radius[i] : (uint8_t)(2 * i + 1);
    if (!o->width) o->width = o->budget ? gmlp__width_for(o->budget, o->frequencies) : preset->width;
    if (!o->budget) o->budget = o->target_psnr > 0.0 ? GMLP__TARGET_BUDGET : preset->budget;
}

static void gmlp__resolve_optimiser(gmlp_train_opts *o, const gmlp__lessons *lessons) {
    const int paper = o->preset == GMLP_PRESET_PAPER;
    if (!o->optimizer) o->optimizer = paper ? GMLP_ADAM : GMLP_MUON;
    if (!o->schedule) o->schedule = paper ? GMLP_CONSTANT : GMLP_FALLING;
    if (!(o->learning_rate > 0.0))
        o->learning_rate = paper ? lessons->paper_rate : o->optimizer == GMLP_ADAM ? 1e-2 : o->width > 64 ? 2e-3 : 5e-3;
    if (!(o->muon_learning_rate > 0.0)) o->muon_learning_rate = lessons->muon_learning_rate;
    if (!(o->beta2 > 0.0)) o->beta2 = paper ? 0.999 : 0.97;
}

static int gmlp__train_opts_ok(const gmlp_train_opts *o) {
    const int paper = o->preset == GMLP_PRESET_PAPER;
    return o->radius[0] <= GMLP_MAX_RADIUS && o->radius[1] <= GMLP_MAX_RADIUS &&
           (!paper || gmlp__inputs(o->radius) == 5) && o->clip_margin >= 0 && o->clip_margin <= 63 &&
           o->batch <= 1u << 20 && o->beta2 < 1.0 && o->learning_rate < 1e3 && o->muon_learning_rate < 1e3 &&
           (paper || (o->budget >= 512 && o->budget <= GMLP__MOST_BUDGET)) &&
           (o->optimizer == GMLP_ADAM || o->optimizer == GMLP_MUON) &&
           (o->schedule == GMLP_FALLING || o->schedule == GMLP_CONSTANT) &&
           (o->adaptation == GMLP_BRADFORD || o->adaptation == GMLP_CAT02);
}

/* Fills every zero field; 0 if a field is out of range. effort: for a compressed base. */
static int gmlp__resolve_train(const gmlp_train_opts *in, const gmlp__lessons *lessons, gmlp_train_opts *o,
                               uint32_t effort[2]) {
    if (in) *o = *in;
    else memset(o, 0, sizeof *o);
    if (o->preset < 0 || o->preset > GMLP_PRESET_MAX) return 0;
    if (!(o->learning_rate >= 0.0 && o->muon_learning_rate >= 0.0 && o->beta2 >= 0.0 && o->target_psnr >= 0.0))
        return 0; /* NaN is none of these */
    if (o->preset == GMLP_PRESET_PAPER && (o->budget || o->target_psnr > 0.0)) return 0;
    if (o->target_psnr > 0.0 && !lessons->finds_og) return 0;
    gmlp__resolve_network(o, &lessons->presets[o->preset], effort);
    gmlp__resolve_optimiser(o, lessons);
    if (!lessons->options(o)) return 0;
    if (!o->method) o->method = lessons->kind[o->preset == GMLP_PRESET_PAPER].method;
    return gmlp__train_opts_ok(o);
}

/* Pixels of both pictures: a row, or some of it. Planes are padded to multiples of 16. */
typedef struct gmlp__rows {
    float *base[3];   /* values of the base */
    float *wide[3];   /* values of the original */
    float *srgb[3];   /* linear sRGB of the original */
    float *og;        /* 1: out of gamut */
    uint32_t *index;  /* of pixels in the row */
    uint32_t *slot;   /* their places among the samples */
    unsigned char *packed; /* pixels one after the other */
} gmlp__rows;

static size_t gmlp__pixel(const gmlp__loader *l) { return gmlp_pixel_size(l->type, l->channels); }

/* Bytes of a job's rows, and of the sums of its windows behind them. */
static size_t gmlp__rows_size(const gmlp__trainer *t) {
    const size_t wide = gmlp__pixel(&t->load_wide), base = gmlp__pixel(&t->load_base);
    return GMLP__PAD(t->base->width) * (10 * sizeof(float) + 2 * sizeof(uint32_t) + (wide > base ? wide : base));
}
static size_t gmlp__rows_all(const gmlp__trainer *t) {
    return gmlp__rows_size(t) + gmlp__windows_size(t->opts.radius, t->base->width, (size_t)t->load_base.channels);
}

/* Lays rows over zeroed memory. */
static void gmlp__rows_init(const gmlp__trainer *t, gmlp__rows *r, float *memory) {
    const size_t row = GMLP__PAD(t->base->width);
    size_t c;
    for (c = 0; c < 3; c++) {
        r->base[c] = memory + c * row;
        r->wide[c] = memory + (3 + c) * row;
        r->srgb[c] = memory + (6 + c) * row;
    }
    r->og = memory + 9 * row;
    r->index = (uint32_t *)(void *)(memory + 10 * row);
    r->slot = r->index + row;
    r->packed = (unsigned char *)(r->slot + row);
}

/* The first row of a job. */
static uint32_t gmlp__band(uint32_t height, size_t index) {
    return (uint32_t)((uint64_t)height * index / GMLP__BANDS);
}

/* A job's rows, all 0. */
static void gmlp__rows_begin(const gmlp__trainer *t, size_t job, gmlp__rows *r) {
    float *memory = t->rows + (t->opts.threads.parallel_for ? job : 0) * (gmlp__rows_all(t) / sizeof(float));
    memset(memory, 0, gmlp__rows_all(t));
    gmlp__rows_init(t, r, memory);
}

/* Runs a job for every band of rows. Their memory is taken before: on this thread. */
static gmlp_result gmlp__run_bands(gmlp__trainer *t, void (*job)(void *ctx, size_t index)) {
    const size_t size = (t->opts.threads.parallel_for ? GMLP__BANDS : 1) * gmlp__rows_all(t);
    t->rows = (float *)gmlp__alloc(&t->opts.alloc, size);
    if (!t->rows) return GMLP_E_MEMORY;
    gmlp__run(&t->opts.threads, job, t, GMLP__BANDS);
    gmlp__free(&t->opts.alloc, t->rows, size);
    return GMLP_OK;
}

/* Values of n pixels of the original, and which of them are OG: how many. */
static uint64_t gmlp__load_wide(const gmlp__trainer *t, const unsigned char *pixels, ptrdiff_t plane, size_t n,
                                gmlp__rows *r) {
    float *const *w = r->wide;
    gmlp__load_row(&t->load_wide, pixels, plane, n, w[0], w[1], w[2]);
    t->lessons->original(&t->domain, w, GMLP__PAD(n));
    if (!t->lessons->finds_og) return 0;
    gmlp__matrix_row(t->kernels, t->to_srgb, w[0], w[1], w[2], r->srgb[0], r->srgb[1], r->srgb[2], n);
    return (uint64_t)t->kernels->out_of_gamut(r->srgb[0], r->srgb[1], r->srgb[2], r->og, GMLP__PAD(n));
}

/* Values of n pixels of the base. */
static void gmlp__load_base(const gmlp__trainer *t, const unsigned char *pixels, size_t n, gmlp__rows *r) {
    float *const *p = r->base;
    gmlp__load_row(&t->load_base, pixels, 0, n, p[0], p[1], p[2]);
    gmlp__matrix_row(t->kernels, t->to_wide, p[0], p[1], p[2], p[0], p[1], p[2], n);
    if (t->family->base) t->family->base(&t->domain, p, NULL, GMLP__PAD(n));
}

/* Are samples of two classes, OG and the rest? */
static int gmlp__two_classes(const gmlp__trainer *t) {
    return t->net->mask == GMLP_MASK_ALL && t->lessons->finds_og;
}

/* The chosen pixels of a row, or of its planes, one after the other. */
static const unsigned char *gmlp__pack_pixels(const gmlp__rows *r, const unsigned char *row, size_t step,
                                              ptrdiff_t plane, size_t n) {
    unsigned char *to = r->packed;
    size_t i, c;
    for (c = 0; c < (plane ? 3u : 1u); c++, row += plane)
        for (i = 0; i < n; i++, to += step) memcpy(to, row + r->index[i] * step, step);
    return r->packed;
}

/* The pixels of row y that samples may come from. */
static size_t gmlp__candidates(const gmlp__trainer *t, uint32_t y, uint32_t *index) {
    const size_t n = t->base->width;
    size_t i;
    if (t->net->mask == GMLP_MASK_SATURATED)
        return gmlp__saturated_row(&t->load_base, gmlp__row(t->base, y), n, t->opts.clip_margin, index,
                                   NULL);
    for (i = 0; i < n; i++) index[i] = (uint32_t)i;
    return n;
}

static void gmlp__count_job(void *ctx, size_t job) {
    gmlp__trainer *t = (gmlp__trainer *)ctx;
    gmlp__rows r;
    uint32_t y;
    gmlp__rows_begin(t, job, &r);
    for (y = gmlp__band(t->base->height, job); y < gmlp__band(t->base->height, job + 1); y++) {
        t->rank[y][0] = gmlp__candidates(t, y, r.index);
        if (gmlp__two_classes(t)) {
            t->rank[y][0] = gmlp__load_wide(t, gmlp__row(t->wide, y), t->wide->plane_stride, t->wide->width, &r);
            t->rank[y][1] = t->base->width - t->rank[y][0];
        }
    }
}

/* Is the pixel of this rank among those kept? Even spacing; *slot is its place. step is keep / total in 2^32ths,
   rounded up: the last rank's end is then keep exactly. */
static int gmlp__kept(uint64_t rank, uint64_t step, uint64_t *slot) {
    *slot = rank * step >> 32;
    return (rank + 1) * step >> 32 > *slot;
}

/* What clipping leaves on the OG pixels of a row that are not among the first count of r->index. */
static double gmlp__rest_error(const gmlp__rows *r, size_t n, size_t count) {
    double sum = 0.0;
    size_t i, x, c;
    for (i = 0, x = 0; x < n; x++) {
        if (i < count && r->index[i] == x) i++;
        else if (r->og[x] != 0.0f)
            for (c = 0; c < 3; c++) {
                const double d = (double)(r->wide[c][x] - r->base[c][x]);
                sum += gmlp__dmul(d, d);
            }
    }
    return sum;
}

/* Which samples show the network what is left of a pixel of sYCC once a program has saved the picture that keeps only
   sRGB: one in 64, evenly over all steps. With the section that says what lay outside they cost 0.05 dB out of gamut in
   the picture as it was (twice as many: 0.08), and after saving anew at quality 95 they give back 0.9 to 6 dB. */
enum { GMLP__CLIPPED_SHARE = 64 };
static int gmlp__clipped_sample(const gmlp__trainer *t, uint32_t place) {
    return t->base->space == GMLP_SYCC && t->net->mask == GMLP_MASK_SATURATED &&
           place % GMLP__CLIPPED_SHARE == GMLP__CLIPPED_SHARE - 1;
}

static void gmlp__sycc_clip(uint8_t codes[3]) {
    int32_t v[3];
    int c;
    gmlp__sycc_rgb(codes, v);
    for (c = 0; c < 3; c++) v[c] = gmlp__clip_code(v[c]);
    codes[0] = (uint8_t)gmlp__round16(19595 * v[0] + 38470 * v[1] + 7471 * v[2]);
    codes[1] = (uint8_t)gmlp__clip_code(128 + gmlp__round16(32768 * v[2] - 11059 * v[0] - 21709 * v[1]));
    codes[2] = (uint8_t)gmlp__clip_code(128 + gmlp__round16(32768 * v[0] - 27439 * v[1] - 5329 * v[2]));
}

static void gmlp__collect_job(void *ctx, size_t job) {
    gmlp__trainer *t = (gmlp__trainer *)ctx;
    gmlp__rows r;
    gmlp__windows windows;
    int32_t words[GMLP_WINDOWS][2 * GMLP__CHUNK], *const means[GMLP_WINDOWS] = {words[0], words[1]};
    const int classes = gmlp__two_classes(t);
    uint32_t y;
    const ptrdiff_t plane = t->wide->plane_stride;
    size_t i, c, k, n, count, step;
    gmlp__rows_begin(t, job, &r);
    memset(words, 0, sizeof words);
    gmlp__windows_init(&windows, t->kernels, t->opts.radius, t->base, 0, t->base->width,
                       (char *)r.base[0] + gmlp__rows_size(t));
    windows.count = gmlp__window_count(t->opts.radius);
    windows.width = t->base->width;
    windows.height = t->base->height;
    for (y = gmlp__band(t->base->height, job); y < gmlp__band(t->base->height, job + 1); y++) {
        const unsigned char *codes = gmlp__row(t->base, y), *wide = gmlp__row(t->wide, y);
        uint64_t rank[2], og = 0;
        rank[0] = t->rank[y][0];
        rank[1] = t->rank[y][1];
        count = gmlp__candidates(t, y, r.index);
        if (classes || t->opts.target_psnr > 0.0) {
            og = gmlp__load_wide(t, wide, t->wide->plane_stride, t->wide->width, &r);
            t->out_of_gamut[job] += og;
        }
        if (og && !classes) {
            gmlp__load_base(t, codes, t->base->width, &r);
            t->rest[job] += gmlp__rest_error(&r, t->base->width, count);
        }
        for (i = 0, n = 0; i < count; i++) {
            const uint32_t x = r.index[i];
            uint64_t slot;
            k = classes && r.og[x] == 0.0f;
            if (!gmlp__kept(rank[k]++, t->step_kept[k], &slot)) continue;
            r.index[n] = x;
            r.slot[n++] = (uint32_t)((k ? t->keep[0] : 0) + slot);
        }
        if (!n) continue;
        step = gmlp__step(t->wide->type, t->wide->channels, plane);
        og = gmlp__load_wide(t, gmlp__pack_pixels(&r, wide, step, plane, n), plane ? (ptrdiff_t)(n * step) : 0, n, &r);
        if (!classes && !(t->opts.target_psnr > 0.0)) t->out_of_gamut[job] += og;
        gmlp__pack_pixels(&r, codes, gmlp__pixel(&t->load_base), 0, n);
        for (i = 0; i < n; i++)
            if (gmlp__clipped_sample(t, t->place[r.slot[i]]))
                gmlp__sycc_clip(r.packed + i * gmlp__pixel(&t->load_base));
        gmlp__load_base(t, r.packed, n, &r);
        for (i = 0; i < n; i++) {
            gmlp__sample *s = t->samples + t->place[r.slot[i]];
            s->row = (uint16_t)y;
            s->column = (uint16_t)r.index[i];
            s->out_of_gamut = r.og[i] != 0.0f;
            if (i % GMLP__CHUNK == 0)
                gmlp__windows_means(&windows, y, r.index + i, n - i < GMLP__CHUNK ? n - i : GMLP__CHUNK, means);
            for (c = 0; c < GMLP_WINDOWS; c++) {
                uint16_t four[4];
                memcpy(four, means[c] + i % GMLP__CHUNK * 2, 8);
                for (k = 0; k < 3; k++) s->mean[3 * c + k] = (uint8_t)four[k];
                /* the mean of what is clipped, but for windows that are partly so */
                if (gmlp__clipped_sample(t, t->place[r.slot[i]])) gmlp__sycc_clip(s->mean + 3 * c);
            }
            for (c = 0; c < 3; c++) {
                s->code[c] = r.packed[i * gmlp__pixel(&t->load_base) + c];
                s->target[c] = gmlp__maps[t->net->method](r.base[c][i], r.wide[c][i]);
                s->color[c] = r.base[c][i];
            }
        }
    }
}

/* OG pixels of all rows of a band. */
static void gmlp__out_of_gamut_job(void *ctx, size_t job) {
    gmlp__trainer *t = (gmlp__trainer *)ctx;
    gmlp__rows r;
    uint32_t y;
    gmlp__rows_begin(t, job, &r);
    t->out_of_gamut[job] = 0;
    for (y = gmlp__band(t->base->height, job); y < gmlp__band(t->base->height, job + 1); y++)
        t->out_of_gamut[job] += gmlp__load_wide(t, gmlp__row(t->wide, y), t->wide->plane_stride, t->wide->width, &r);
}

/* A random order (Fisher and Yates) in which training takes the samples as they lie: where each slot's is. Evenly
   spread orders, such as steps of the golden section, repeat patterns of the picture and were up to 0.5 dB worse. */
static void gmlp__shuffle(gmlp__trainer *t) {
    size_t i, j;
    for (i = 0; i < t->sample_count; i++) t->place[i] = (uint32_t)i;
    for (i = t->sample_count; i > 1 && t->opts.preset != GMLP_PRESET_PAPER; i--) {
        const uint32_t last = t->place[i - 1];
        j = (size_t)((gmlp__random(~t->opts.seed, i) >> 32) * i >> 32);
        t->place[i - 1] = t->place[j];
        t->place[j] = last;
    }
}

/* How much squared error of OG pixels would stay outside the mask at each margin, from about 128 rows. */
#define GMLP__MARGINS 64
static uint32_t gmlp__margin_step(uint32_t height) { return 1 + height / 128; }
static void gmlp__margin_job(void *ctx, size_t job) {
    gmlp__trainer *t = (gmlp__trainer *)ctx;
    const gmlp_image *wide = &t->few_rows;
    const uint32_t height = t->base->height, step = gmlp__margin_step(height);
    const size_t channels = (size_t)t->load_base.channels;
    double *error = t->rest + job * (GMLP__MARGINS + 1);
    gmlp__rows r;
    uint32_t y;
    size_t x, c;
    gmlp__rows_begin(t, job, &r);
    for (y = gmlp__band(height, job); y < gmlp__band(height, job + 1); y++) {
        const unsigned char *codes = gmlp__row(t->base, y);
        if (y % step) continue;
        if (!gmlp__load_wide(t, gmlp__row(wide, y / step), wide->plane_stride, wide->width, &r)) continue;
        gmlp__load_base(t, codes, t->base->width, &r);
        for (x = 0; x < t->base->width; x++) {
            double sum = 0.0;
            int needed = GMLP__MARGINS;
            if (r.og[x] == 0.0f) continue;
            for (c = 0; c < 3; c++) {
                const int code = codes[x * channels + c], away = code < 128 ? code : 255 - code;
                const double d = (double)(r.wide[c][x] - r.base[c][x]);
                if (away < needed) needed = away;
                sum += gmlp__dmul(d, d);
            }
            error[needed] += sum;
        }
    }
}

/* The rows of the original that this reads, as a view. */
static void gmlp__take_few_rows(gmlp__trainer *t) {
    const uint32_t step = gmlp__margin_step(t->wide->height);
    t->few_rows = *t->wide;
    t->few_rows.height = (t->wide->height + step - 1) / step;
    t->few_rows.stride = gmlp__stride(t->wide) * (ptrdiff_t)step;
}

/* The margin that leaves at most a 1000th of that error outside: a network takes away 9 of 10 parts of it, so
   what stays outside then weighs little. (A 200th was up to 0.15 dB worse.) */
static gmlp_result gmlp__choose_margin(gmlp__trainer *t, int *margin) {
    const size_t size = GMLP__BANDS * (GMLP__MARGINS + 1) * sizeof(double);
    double all = 0.0, inside = 0.0;
    gmlp_result result;
    size_t i;
    t->rest = (double *)gmlp__alloc(&t->opts.alloc, size);
    if (!t->rest) return GMLP_E_MEMORY;
    memset(t->rest, 0, size);
    result = gmlp__run_bands(t, gmlp__margin_job);
    for (i = 0; i < GMLP__BANDS * (GMLP__MARGINS + 1); i++) all += t->rest[i];
    for (*margin = 0; *margin < GMLP__MARGINS - 1; ++*margin) {
        for (i = 0; i < GMLP__BANDS; i++) inside += t->rest[i * (GMLP__MARGINS + 1) + (size_t)*margin];
        if (inside >= gmlp__dmul(all, 0.999)) break;
    }
    gmlp__free(&t->opts.alloc, t->rest, size);
    return result;
}

/* What compression moves inwards of an unclipped base is little; more of a margin costs quality. */
#define GMLP__SYCC_MARGIN 3

static int gmlp__chooses_margin(const gmlp__trainer *t) {
    return t->net->mask == GMLP_MASK_SATURATED && !t->opts.clip_margin && t->base->space != GMLP_SYCC;
}

/* How far from 0 and 255 the network's pixels reach, and how much training that takes. */
static gmlp_result gmlp__settle_margin(gmlp__trainer *t) {
    gmlp_result result = GMLP_OK;
    if (gmlp__chooses_margin(t)) result = gmlp__choose_margin(t, &t->opts.clip_margin);
    else if (t->net->mask == GMLP_MASK_SATURATED && !t->opts.clip_margin) t->opts.clip_margin = GMLP__SYCC_MARGIN;
    t->net->clip_margin = t->pictures.clip_margin = t->opts.clip_margin;
    if (t->opts.clip_margin) {
        t->opts.iterations *= t->effort[0];
        t->opts.batch *= t->effort[1];
    }
    t->steps_all = t->opts.iterations;
    return result;
}

/* The candidates of each row and their ranks. */
static gmlp_result gmlp__count(gmlp__trainer *t) {
    const gmlp_result result = t->device ? t->device->count(t->work, &t->pictures, 0, t->rank)
                                         : gmlp__run_bands(t, gmlp__count_job);
    size_t i, k;
    for (i = 0; i < t->base->height && !result; i++)
        for (k = 0; k < 2; k++) {
            const uint64_t n = t->rank[i][k];
            t->rank[i][k] = t->total[k];
            t->total[k] += n;
        }
    return result;
}

/* How many of them become samples. */
static void gmlp__choose_samples(gmlp__trainer *t) {
    const uint64_t *total = t->total, drawn = (uint64_t)t->opts.iterations * t->opts.batch;
    const uint64_t most = drawn < GMLP__MAX_SAMPLES ? drawn : GMLP__MAX_SAMPLES;
    size_t k;
    if (t->opts.preset == GMLP_PRESET_PAPER && gmlp__two_classes(t)) { /* every 5th OG and every 50th other pixel */
        t->keep[0] = (total[0] + 4) / 5;
        t->keep[1] = (total[1] + 49) / 50;
    } else t->keep[0] = total[0] < most ? total[0] : most;
    for (k = 0; k < 2; k++) t->step_kept[k] = total[k] ? ((t->keep[k] << 32) + total[k] - 1) / total[k] : 0;
    t->sample_count = (size_t)(t->keep[0] + t->keep[1]);
}

static size_t gmlp__chunks(const gmlp__trainer *t) {
    return (t->sample_count + GMLP_DEVICE_CHUNK - 1) / GMLP_DEVICE_CHUNK;
}

/* Sums over the samples of a chunk. */
static gmlp_device_moments gmlp__moments(const gmlp__trainer *t, size_t chunk, int colors) {
    const size_t begin = chunk * GMLP_DEVICE_CHUNK, rest = t->sample_count - begin,
                 end = begin + (rest < GMLP_DEVICE_CHUNK ? rest : GMLP_DEVICE_CHUNK);
    gmlp_device_moments m = {0.0, 0.0, 1e30, -1e30};
    size_t i, c;
    if (t->moments) return t->moments[chunk][colors];
    for (i = begin; i < end; i++)
        for (c = 0; c < 3; c++) {
            const double v = (double)(colors ? t->samples[i].color[c] : t->samples[i].target[c]);
            m.sum += v;
            m.square += gmlp__dmul(v, v);
            if (v < m.least) m.least = v;
            if (v > m.most) m.most = v;
        }
    return m;
}

/* A device's samples stay there. */
static gmlp_result gmlp__collect_there(gmlp__trainer *t) {
    gmlp_device_choice choice;
    const size_t size = gmlp__chunks(t) * sizeof *t->moments;
    memset(&choice, 0, sizeof choice);
    choice.rank = (const uint64_t (*)[2])t->rank;
    memcpy(choice.keep, t->keep, sizeof choice.keep);
    memcpy(choice.step_kept, t->step_kept, sizeof choice.step_kept);
    choice.place = t->place;
    choice.sample_count = t->sample_count;
    if (!t->family->scale) {
        t->moments = (gmlp_device_moments (*)[2])gmlp__alloc(&t->opts.alloc, size);
        if (!t->moments) return GMLP_E_MEMORY;
    }
    return t->device->collect(t->work, &t->pictures, &choice, &t->out_of_gamut[0], t->moments);
}

/* The samples, in a random order. */
static gmlp_result gmlp__fill_samples(gmlp__trainer *t, gmlp_train_report *report) {
    const size_t places = t->sample_count * sizeof *t->place;
    gmlp_result result = GMLP_E_MEMORY;
    size_t i;
    if (!t->device) t->samples = (gmlp__sample *)gmlp__alloc(&t->opts.alloc, t->sample_count * sizeof *t->samples);
    t->place = (uint32_t *)gmlp__alloc(&t->opts.alloc, places);
    if ((t->device || t->samples) && t->place) {
        gmlp__shuffle(t);
        result = t->device ? gmlp__collect_there(t) : gmlp__run_bands(t, gmlp__collect_job);
    }
    for (i = 0; i < GMLP__BANDS && !result; i++) {
        report->out_of_gamut += t->out_of_gamut[i];
        t->rest_error += t->rest[i];
    }
    gmlp__free(&t->opts.alloc, t->place, places);
    return result;
}

/* Where no sample is OG, a few may lie among the pixels that were not kept. */
static gmlp_result gmlp__look_further(gmlp__trainer *t, gmlp_train_report *report) {
    gmlp_result result;
    size_t i;
    if (!t->lessons->finds_og || report->out_of_gamut || report->samples == report->saturated) return GMLP_OK;
    if (t->device) {
        result = t->device->count(t->work, &t->pictures, 1, t->rank);
        for (i = 0; i < t->base->height && !result; i++) report->out_of_gamut += t->rank[i][0];
        return result;
    }
    result = gmlp__run_bands(t, gmlp__out_of_gamut_job);
    for (i = 0; i < GMLP__BANDS && !result; i++) report->out_of_gamut += t->out_of_gamut[i];
    return result;
}

/* Chooses pixels and makes samples of them. */
static gmlp_result gmlp__collect(gmlp__trainer *t, gmlp_train_report *report) {
    const size_t rank_size = (size_t)t->base->height * sizeof *t->rank;
    uint64_t og[GMLP__BANDS] = {0};
    double rest[GMLP__BANDS] = {0};
    gmlp_result result = gmlp__settle_margin(t);
    if (result) return result;
    t->out_of_gamut = og;
    t->rest = rest;
    t->rank = (uint64_t (*)[2])gmlp__alloc(&t->opts.alloc, rank_size);
    /* checked: og and rest are not used after this function */
    if (!t->rank) return GMLP_E_MEMORY;
    memset(t->rank, 0, rank_size);
    result = gmlp__count(t);
    if (!result) {
        gmlp__choose_samples(t);
        report->saturated = t->total[0] + t->total[1];
        report->samples = t->sample_count;
        if (t->sample_count) result = gmlp__fill_samples(t, report);
        if (!result && t->sample_count) result = gmlp__look_further(t, report);
    }
    /* checked: likewise */
    gmlp__free(&t->opts.alloc, t->rank, rank_size);
    return result;
}

/* Feature tables: by row, by column and, for code inputs, by code. Returns floats; with memory
   NULL only counts them. */
static size_t gmlp__feature_tables(gmlp__trainer *t, float *memory) {
    size_t used = 0, i, j, same;
    for (i = 0; i < (t->net->inputs == GMLP_INPUT_WIDE ? 2 : gmlp__inputs(t->opts.radius)); i++) {
        const uint32_t frequencies = t->opts.frequencies[i], size = 2 * frequencies;
        const uint32_t n = i == 0 ? t->base->height : i == 1 ? t->base->width : 256u;
        float *table = memory ? memory + used : NULL;
        t->sizes[i] = size;
        for (same = 2; same < i && t->opts.frequencies[same] != frequencies; same++) {}
        if (same < i) { /* inputs that are codes share a table */
            t->tables[i] = t->tables[same];
            continue;
        }
        for (j = 0; memory && j < n && frequencies; j++) {
            const float m = i < 2 ? gmlp__coordinate((double)j, n) : gmlp__code_input(t->net->inputs, j);
            t->kernels->encode(m, frequencies, table + j * size);
        }
        t->tables[i] = table;
        used += (size_t)n * size + 16;
    }
    return used;
}

/* Samples begin..end-1 of this step, at most GMLP__CHUNK, on their way into the cache: the next ones of
   the shuffled order; with preset paper drawn with replacement. */
static size_t gmlp__draw(const gmlp__trainer *t, uint64_t begin, uint64_t end, const gmlp__sample *drawn[GMLP__CHUNK]) {
    const size_t n = end - begin < GMLP__CHUNK ? (size_t)(end - begin) : GMLP__CHUNK;
    size_t j, at = (size_t)(((uint64_t)t->step * t->opts.batch + begin) % t->sample_count);
    for (j = 0; j < n; j++) {
        if (t->opts.preset == GMLP_PRESET_PAPER) {
            const uint64_t r = gmlp__random(t->opts.seed, (uint64_t)t->step << 32 | (begin + j));
            at = (size_t)((r >> 32) * t->sample_count >> 32);
        }
        drawn[j] = t->samples + at;
        GMLP__PREFETCH(drawn[j]);
        at = at + 1 < t->sample_count ? at + 1 : 0;
    }
    return n;
}

/* The features of n samples. */
static void gmlp__sample_features(const gmlp__trainer *t, const gmlp__sample *const *samples, size_t n, gmlp__pass *p) {
    const int direct = t->net->inputs == GMLP_INPUT_WIDE;
    const size_t inputs = direct ? 2 : gmlp__inputs(t->opts.radius);
    uint32_t at[GMLP__CHUNK][GMLP_INPUTS];
    size_t j, c;
    for (j = 0; j < n; j++) {
        at[j][0] = samples[j]->row;
        at[j][1] = samples[j]->column;
        for (c = 0; c < 3; c++) at[j][2 + c] = samples[j]->code[c];
        for (c = 5; c < inputs; c++) at[j][c] = samples[j]->mean[c - 5];
    }
    t->kernels->gather(t->tables, t->sizes, (const uint32_t (*)[GMLP_INPUTS])at, inputs, n, p->f, t->shape.row);
    for (j = 0; direct && j < n; j++) {
        float *f = p->f + j * t->shape.row + t->sizes[0] + t->sizes[1];
        for (c = 0; c < 3; f += 2 * (size_t)t->opts.frequencies[2 + c], c++)
            if (t->opts.frequencies[2 + c]) t->kernels->encode(samples[j]->color[c], t->opts.frequencies[2 + c], f);
    }
}

/* Of the error at a saturated pixel that is in gamut: its code says nearly all, and the network has better to do. */
#define GMLP__INSIDE_WEIGHT 0.25f

/* One shard of a step: its samples' gradient, summed in order. */
static void gmlp__shard_job(void *ctx, size_t shard) {
    gmlp__trainer *t = (gmlp__trainer *)ctx;
    const uint64_t begin = (uint64_t)t->opts.batch * shard / t->shards,
                   end = (uint64_t)t->opts.batch * (shard + 1) / t->shards;
    const float factor = (float)(2.0 / (3.0 * (double)t->opts.batch));
    const gmlp__sample *drawn[GMLP__CHUNK];
    float *gradient = t->gradients + shard * t->shape.count;
    gmlp__pass p;
    double loss = 0.0;
    uint64_t i;
    size_t n, next;
    int inside[GMLP__CHUNK];
    gmlp__pass_init(&t->shape, t->scratch + shard * gmlp__pass_count(&t->shape), &p);
    memset(gradient, 0, t->shape.count * sizeof(float));
    n = gmlp__draw(t, begin, end, drawn);
    for (i = begin; i < end; i += n, n = next) {
        size_t j, c;
        for (j = 0; j < n; j++) {
            inside[j] = t->net->mask == GMLP_MASK_SATURATED && !drawn[j]->out_of_gamut;
            for (c = 0; c < 3; c++) p.target[j * 16 + c] = drawn[j]->target[c];
        }
        gmlp__sample_features(t, drawn, n, &p);
        next = gmlp__draw(t, i + n, end, drawn);
        gmlp__forward(t->kernels, &t->shape, t->rounding ? t->rounded : t->block, t->transposes, &p, n, 1);
        t->kernels->error(p.out, p.target, factor, p.d3, n * 16);
        if (t->step + 1 == t->opts.iterations) loss += gmlp__loss(&p, n, factor);
        for (j = 0; j < n; j++)
            for (c = 0; inside[j] && c < 3; c++) p.d3[j * 16 + c] *= GMLP__INSIDE_WEIGHT;
        gmlp__backward(t->kernels, &t->shape, t->rounding ? t->rounded : t->block, t->transposes, &p, n, gradient);
    }
    t->loss[shard] = loss;
}

/* Learning rate of a step: five steps of warm-up, level for half of them, then straight down to a hundredth. */
static double gmlp__rate(const gmlp__trainer *t, uint32_t step) {
    const gmlp_train_opts *o = &t->opts;
    const double left = 2.0 * (double)(o->iterations - step) / (double)o->iterations;
    double rate = o->learning_rate;
    if (o->schedule == GMLP_CONSTANT) return rate;
    if (left < 1.0) rate = gmlp__dmul(rate, 0.01 + gmlp__dmul(0.99, left));
    return step < 5 ? gmlp__dmul(rate, (double)(step + 1) / 5.0) : rate;
}

/* Muon's direction: the orthogonal factor of x[rows][row] (of rows x cols, row = cols padded with zeros),
   written over it. Newton and Schulz's iteration X = a X + b X A + c X A^2, A = X^T X, drives all singular
   values towards 1; its coefficients are those of Amsel, Persson, Musco, Gower ("The Polar Express", 2025), divided by
   1.01, 1.01^3, 1.01^5. scratch: gmlp__polar_count floats. */
#define GMLP__POLAR_STEPS 3
static size_t gmlp__polar_count(size_t rows, size_t row) {
    return (rows + GMLP__SLACK) * row + 2 * (row + GMLP__SLACK) * row;
}

static void gmlp__polar(const gmlp__kernels *k, float *x, size_t rows, size_t cols, size_t row, float *scratch) {
    static const float coefficient[GMLP__POLAR_STEPS][3] = {
        {8.205160f, -22.901934f, 16.460724f}, {4.066395f, -2.861154f, 0.518400f}, {3.909595f, -2.823352f, 0.525037f}};
    float *y = scratch, *a = y + (rows + GMLP__SLACK) * row, *p = a + (row + GMLP__SLACK) * row;
    double trace = 0.0;
    size_t i, n;
    memset(a, 0, 2 * (row + GMLP__SLACK) * row * sizeof(float));
    for (n = 0; n < GMLP__POLAR_STEPS; n++) {
        const float *f = coefficient[n];
        gmlp__product(k, x, 1, row, x, row, a, row, cols, rows, row, NULL, NULL, GMLP__GEMM_SET);
        if (n == 0) { /* the squared length of all of x: no singular value is above 1 then */
            for (i = 0; i < cols; i++) trace += (double)a[i * row + i];
            if (!(trace > 1e-30)) return;
            k->times((float)(1.0 / trace), a, a, cols * row);
            k->times((float)(1.0 / gmlp__sqrt(trace)), x, x, rows * row);
        }
        k->times(f[1] / f[2], a, p, cols * row);
        gmlp__product(k, a, row, 1, a, row, p, row, cols, cols, row, NULL, NULL, GMLP__GEMM_ADD);
        k->times(f[0] / f[2], x, y, rows * row);
        gmlp__product(k, x, row, 1, p, row, y, row, rows, cols, row, NULL, NULL, GMLP__GEMM_ADD);
        k->times(f[2], y, x, rows * row);
    }
}

/* One Muon step on w[rows][wide]; a matrix with fewer rows than columns is turned, which is cheaper. */
static size_t gmlp__muon_count(size_t rows, size_t wide) {
    const size_t turned = GMLP__PAD(rows);
    const size_t a = gmlp__polar_count(rows, wide) + (rows + GMLP__SLACK) * wide,
                 b = gmlp__polar_count(wide, turned) + (wide + GMLP__SLACK) * turned;
    return (a > b ? a : b) + rows * wide;
}

static void gmlp__muon(const gmlp__trainer *t, const float *g, float *m, float *w, size_t rows, size_t cols,
                       size_t wide, float *scratch) {
    const size_t turned = GMLP__PAD(rows);
    float *u = scratch, *x = u + rows * wide;
    size_t i, j;
    t->kernels->momentum(0.9f, g, m, u, rows * wide);
    if (rows < cols) {
        memset(x, 0, (wide + GMLP__SLACK) * turned * sizeof(float));
        for (i = 0; i < rows; i++)
            for (j = 0; j < cols; j++) x[j * turned + i] = u[i * wide + j];
        gmlp__polar(t->kernels, x, cols, rows, turned, x + (wide + GMLP__SLACK) * turned);
        for (i = 0; i < rows; i++)
            for (j = 0; j < cols; j++) u[i * wide + j] = x[j * turned + i];
    } else {
        memcpy(x, u, rows * wide * sizeof(float));
        gmlp__polar(t->kernels, x, rows, cols, wide, x + (rows + GMLP__SLACK) * wide);
        memcpy(u, x, rows * wide * sizeof(float));
    }
    t->kernels->add_times(-t->muon_rate, u, w, rows * wide);
}

/* The first layer, or the other two: the gradient from all shards, in order, and a step of the optimiser. */
#define GMLP__PARTS 2u
static void gmlp__update_job(void *ctx, size_t part) {
    gmlp__trainer *t = (gmlp__trainer *)ctx;
    const gmlp__shape *s = &t->shape;
    const gmlp__kernels *k = t->kernels;
    float *g = t->gradients;
    size_t from = part ? s->w2 : 0, to = part ? s->count : s->w2, i;
    for (i = 1; i < t->shards; i++) k->add(g + from, t->gradients + i * s->count + from, to - from);
    if (t->opts.optimizer == GMLP_MUON) {
        const size_t rows = part ? s->width : s->features;
        gmlp__muon(t, g + from, t->m + from, t->block + from, rows, s->width, s->wide, t->muon[part]);
        from += rows * s->wide;
    }
    k->adam(t->adam, g + from, t->block + from, t->m + from, t->v + from, to - from);
    if (t->rounding) {
        const float *steps = t->net->step_size;
        const float limit = GMLP__LARGEST;
        if (!part) k->to_steps(steps[0], limit, t->block, t->rounded, s->w2);
        else {
            k->to_steps(steps[1], limit, t->block + s->w2, t->rounded + s->w2, s->w3 - s->w2);
            k->to_steps(steps[2], limit, t->block + s->w3, t->rounded + s->w3, s->count - s->w3);
        }
    }
}

/* The last quarter of the steps sees the weights as the blob will hold them, so that they settle where rounding
   does least harm; their own, unrounded values are what a step moves. */
static uint32_t gmlp__first_rounded(const gmlp__trainer *t) {
    return t->net->weight_format == GMLP_WEIGHTS_QUANTIZED ? t->opts.iterations - t->opts.iterations / 4
                                                           : t->opts.iterations;
}

/* What the optimisers need for a step; steps come in turn. */
static void gmlp__step_constants(gmlp__trainer *t, uint32_t step) {
    gmlp_adam adam;
    adam.beta1 = 0.9;
    adam.beta2 = t->opts.beta2;
    adam.epsilon = 1e-8;
    adam.learning_rate = gmlp__rate(t, step);
    if (!step) t->power[0] = t->power[1] = 1.0;
    t->muon_rate = (float)gmlp__dmul(adam.learning_rate / t->opts.learning_rate, t->opts.muon_learning_rate);
    t->power[0] = gmlp__dmul(t->power[0], adam.beta1);
    t->power[1] = gmlp__dmul(t->power[1], adam.beta2);
    gmlp__adam_constants(&adam, t->power[0], t->power[1], t->adam);
}

/* From now on samples see the net's weights, as they are by now, rounded to steps. */
static void gmlp__begin_rounding(gmlp__trainer *t) {
    gmlp__steps_choose(t->net, t->rounded, t->opts.budget - t->opts.budget / 128);
    t->rounding = 1;
}

static void gmlp__device_constants(void *user, uint32_t step, gmlp_device_step *out) {
    gmlp__trainer *t = (gmlp__trainer *)user;
    gmlp__step_constants(t, step);
    memcpy(out->adam, t->adam, sizeof out->adam);
    out->muon_rate = t->muon_rate;
}

static void gmlp__sign(gmlp_net *net, const gmlp_image *base) {
    gmlp_signature s;
    uint8_t outside[GMLP_SIGNATURE_SIZE / 2] = {0};
    int i, k;
    gmlp_signature_begin(&s, base->width, base->height);
    gmlp_signature_rows(&s, base, 0);
    gmlp_signature_finish(&s, net->signature);
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++) {
        for (k = 15; k && (uint64_t)s.runs[i] << k > (uint64_t)s.far_outside[i] << 16; k--) {}
        if (s.far_outside[i]) outside[i / 2] = (uint8_t)(outside[i / 2] | k << i % 2 * 4);
    }
    if (base->space == GMLP_SYCC) gmlp_net_section_set(net, GMLP_SECTION_OUTSIDE, outside, sizeof outside);
}

/* Signature and landmarks: before the weights, since of the blob's sections depends what is left for them. */
static gmlp_result gmlp__know_base(gmlp__trainer *t) {
    gmlp__sign(t->net, t->base);
    return gmlp__landmarks_make(t->net, t->base, &t->opts.threads, t->landmarks, &t->landmark_count);
}

/* Gives the net, of whose blob a 16th at most shall say of edits and quality, the first of count landmarks; 1 if there
   is room for the quality. */
static int gmlp__sections_fit(gmlp_net *net, size_t budget, const uint8_t *landmarks, uint32_t count) {
    const size_t most = budget / 16, head = 2 + 4 + 2 + 2;
    size_t n = most < head ? 0 : (most - head) / GMLP__LANDMARK_BYTES;
    if (n > count) n = count;
    gmlp_net_section_set(net, GMLP_SECTION_LANDMARKS, n >= GMLP__LANDMARKS_FEW ? landmarks : NULL,
                         n * GMLP__LANDMARK_BYTES);
    return most >= 64;
}

static void gmlp__sections_begin(gmlp__trainer *t) {
    static const uint8_t unmeasured[4] = {0, 0, 0, 0};
    const size_t budget = t->opts.budget ? t->opts.budget : 4096;
    const int room = gmlp__sections_fit(t->net, budget, t->landmarks, t->landmark_count);
    gmlp_net_section_set(t->net, GMLP_SECTION_QUALITY, room ? unmeasured : NULL, sizeof unmeasured);
}

/* What a blob says of the base, and so what is left of its budget; with a device while that trains. */
static void gmlp__know_base_by_now(void *user) {
    gmlp__trainer *t = (gmlp__trainer *)user;
    if (t->knows_base) return;
    t->knows_base = 1;
    t->base_result = gmlp__know_base(t);
    gmlp__sections_begin(t);
}

static void gmlp__device_round(void *user, const float *weights, float step_size[3]) {
    gmlp__trainer *t = (gmlp__trainer *)user;
    gmlp__know_base_by_now(t);
    memcpy(t->net->weights, weights, gmlp__weights(&t->net->mlp) * sizeof *weights);
    gmlp__begin_rounding(t);
    memcpy(step_size, t->net->step_size, sizeof t->net->step_size);
}

static int gmlp__device_progress(void *user, uint32_t step) {
    const gmlp__trainer *t = (const gmlp__trainer *)user;
    return t->opts.progress(t->opts.progress_user, step, t->steps_all);
}

/* gmlp__optimise on the device, from and to the net's weights. */
static gmlp_result gmlp__optimise_there(gmlp__trainer *t, gmlp_train_report *report) {
    gmlp_device_training d;
    gmlp_result result;
    size_t i;
    memset(&d, 0, sizeof d);
    d.mlp = t->net->mlp;
    for (i = 0; i < GMLP_INPUTS; i++) {
        d.table[i] = t->sizes[i] ? t->tables[i] : NULL;
        d.entries[i] = i == 0 ? t->base->height : i == 1 ? t->base->width : 256u;
    }
    d.map_mean = t->domain.scale.map_mean;
    d.map_range = t->domain.scale.map_range;
    d.input_mean = t->domain.scale.input_mean;
    d.input_range = t->domain.scale.input_range;
    d.seed = t->opts.seed;
    d.draws = t->opts.preset == GMLP_PRESET_PAPER;
    d.inside_weight = t->net->mask == GMLP_MASK_SATURATED ? GMLP__INSIDE_WEIGHT : 1.0f;
    d.iterations = t->opts.iterations;
    d.batch = t->opts.batch;
    d.optimizer = t->opts.optimizer;
    d.first_rounded = gmlp__first_rounded(t);
    d.weights = t->net->weights;
    d.user = t;
    d.constants = gmlp__device_constants;
    d.meanwhile = gmlp__know_base_by_now;
    d.round = gmlp__device_round;
    if (t->opts.progress) d.progress = gmlp__device_progress;
    t->rounding = 0;
    result = t->device->train(t->work, &d, &report->loss);
    if (!result) gmlp__know_base_by_now(t);
    if (!result) result = t->base_result;
    t->steps_before += t->opts.iterations;
    report->iterations = result ? 0 : t->steps_before;
    return result;
}

static gmlp_result gmlp__optimise(gmlp__trainer *t, gmlp_train_report *report) {
    size_t i;
    t->rounding = 0;
    for (t->step = 0; t->step < t->opts.iterations; t->step++) {
        if (t->opts.progress && t->opts.progress(t->opts.progress_user, t->steps_before + t->step, t->steps_all)) {
            report->iterations = t->steps_before + t->step;
            return GMLP_E_CANCELLED;
        }
        if (t->step == gmlp__first_rounded(t)) {
            gmlp__unpack(&t->shape, t->block, t->net->weights);
            gmlp__begin_rounding(t);
            gmlp__steps_round(t->net);
            gmlp__pack(&t->shape, t->net->weights, t->rounded);
        }
        gmlp__transpose(&t->shape, t->rounding ? t->rounded : t->block, t->transposes);
        gmlp__run(&t->opts.threads, gmlp__shard_job, t, t->shards);
        gmlp__step_constants(t, t->step);
        gmlp__run(&t->opts.threads, gmlp__update_job, t, GMLP__PARTS);
    }
    t->steps_before += t->step;
    report->iterations = t->steps_before;
    for (i = 0, report->loss = 0.0; i < t->shards; i++) report->loss += t->loss[i];
    report->loss /= 3.0 * (double)t->opts.batch;
    return GMLP_OK;
}

/* The squared error that the net leaves on the OG samples of a shard. */
static void gmlp__measure_job(void *ctx, size_t shard) {
    gmlp__trainer *t = (gmlp__trainer *)ctx;
    const size_t begin = t->sample_count * shard / t->shards, end = t->sample_count * (shard + 1) / t->shards;
    const gmlp__sample *s[GMLP__CHUNK];
    gmlp__pass p;
    double sum = 0.0;
    size_t i, j, c, n;
    gmlp__pass_init(&t->shape, t->scratch + shard * gmlp__pass_count(&t->shape), &p);
    for (i = begin; i < end; i += n) {
        n = end - i < GMLP__CHUNK ? end - i : GMLP__CHUNK;
        for (j = 0; j < n; j++) s[j] = t->samples + i + j;
        gmlp__sample_features(t, s, n, &p);
        gmlp__forward(t->kernels, &t->shape, t->block, t->transposes, &p, n, 0);
        for (j = 0; j < n; j++)
            for (c = 0; c < 3 && s[j]->out_of_gamut && !gmlp__clipped_sample(t, (uint32_t)(i + j)); c++) {
                const double base = ((double)s[j]->color[c] + 1.0) * 0.5,
                             wide = base + (double)s[j]->target[c] * 0.5; /* exact halves */
                double got = base + (double)p.out[j * 16 + c] * 0.5;
                got = got > 0.0 ? got < 1.0 ? got : 1.0 : 0.0;
                sum += gmlp__dmul(got - wide, got - wide);
            }
    }
    t->loss[shard] = sum;
}

/* PSNR of the OG pixels with the net's weights as they are; of more pixels than samples are kept, by the samples. */
static double gmlp__measure(gmlp__trainer *t, const gmlp_train_report *report) {
    const int some = gmlp__clipped_sample(t, GMLP__CLIPPED_SHARE - 1);
    const uint64_t measured = t->keep[0] - (some ? t->keep[0] / GMLP__CLIPPED_SHARE : 0);
    double sum = 0.0;
    size_t i;
    gmlp__pack(&t->shape, t->net->weights, t->block);
    gmlp__transpose(&t->shape, t->block, t->transposes);
    gmlp__run(&t->opts.threads, gmlp__measure_job, t, t->shards);
    for (i = 0; i < t->shards; i++) sum += t->loss[i];
    sum = gmlp__dmul(sum, (double)t->total[0] / (double)measured) + t->rest_error;
    return sum > 0.0 ? -3.0102999566398120 * gmlp__log2(sum / (3.0 * (double)report->out_of_gamut)) : 1e3;
}

/* Rounds the trained weights to what a blob within the budget holds. */
static gmlp_result gmlp__settle(gmlp__trainer *t) {
    gmlp_net *net = t->net;
    const size_t size = gmlp__weights(&net->mlp) * sizeof(float);
    int chosen = t->rounding;
    for (;; chosen = 0) {
        if (!chosen) gmlp__steps_choose(net, t->rounded, t->opts.budget);
        memcpy(t->rounded, net->weights, size);
        gmlp__steps_round(net);
        if (gmlp__blob_bytes(net) <= t->opts.budget) return GMLP_OK;
        if (!chosen) return GMLP_E_ARGUMENT; /* too wide for any steps */
        memcpy(net->weights, t->rounded, size);
    }
}

/* Where preset PAPER starts for the gamma map: the mean of 50 networks trained on pictures of chromatic noise, as
   Gain-MLP has it; at 1000 steps about 1 dB better than a random start. A blob, made by gamutmlp meta-train --noise. */
static const uint8_t gmlp__noise_start[1251] = {
    71, 77, 76, 80, 3, 4, 6, 1, 0, 0, 0, 2, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 0, 0, 0, 128, 63, 1,
    1, 0, 1, 0, 0, 16, 12, 12, 12, 12, 12, 0, 0, 0, 0, 0, 0, 0, 0, 63, 126, 140, 109, 71, 69, 60, 59, 158, 210, 175,
    117, 60, 45, 51, 113, 217, 245, 237, 158, 71, 41, 44, 128, 246, 245, 227, 177, 86, 70, 93, 185, 199, 202, 202,
    183, 115, 105, 95, 107, 136, 176, 203, 192, 152, 125, 66, 51, 111, 93, 86, 171, 177, 136, 78, 62, 71, 77, 108,
    143, 90, 98, 88, 65, 0, 0, 200, 66, 0, 0, 32, 65, 0, 0, 32, 65, 52, 79, 182, 62, 47, 143, 106, 64, 185, 27, 16,
    63, 171, 183, 149, 62, 81, 115, 14, 60, 53, 209, 2, 61, 140, 226, 4, 61, 17, 196, 23, 113, 242, 129, 234, 161,
    165, 94, 115, 70, 194, 47, 224, 110, 84, 134, 46, 106, 131, 128, 229, 176, 104, 9, 226, 118, 58, 88, 122, 227,
    111, 170, 234, 214, 162, 140, 185, 35, 183, 79, 68, 176, 89, 38, 204, 140, 199, 38, 71, 114, 109, 118, 97, 108,
    114, 170, 66, 88, 230, 101, 57, 23, 161, 81, 207, 246, 170, 170, 189, 30, 103, 107, 242, 179, 178, 107, 183, 44,
    113, 233, 46, 84, 187, 47, 216, 33, 66, 214, 98, 143, 175, 225, 144, 132, 252, 241, 216, 34, 187, 34, 74, 98, 27,
    49, 190, 130, 183, 13, 171, 173, 27, 227, 106, 64, 66, 220, 208, 44, 32, 93, 100, 23, 131, 142, 205, 19, 117, 138,
    246, 97, 222, 163, 211, 188, 98, 22, 1, 41, 255, 1, 48, 191, 234, 204, 212, 96, 227, 62, 97, 189, 155, 16, 241, 9,
    58, 166, 137, 24, 195, 212, 249, 67, 212, 127, 179, 211, 142, 3, 196, 68, 114, 252, 226, 212, 129, 123, 126, 10,
    130, 90, 231, 18, 250, 0, 15, 168, 84, 192, 115, 95, 192, 147, 17, 142, 54, 49, 18, 134, 56, 92, 141, 108, 151,
    121, 240, 227, 223, 1, 55, 251, 176, 252, 16, 191, 154, 114, 98, 88, 145, 180, 197, 215, 2, 142, 88, 50, 68, 110,
    165, 99, 152, 89, 68, 35, 214, 233, 236, 9, 248, 180, 254, 97, 62, 78, 24, 9, 126, 126, 243, 95, 128, 1, 208, 6,
    122, 184, 233, 77, 189, 28, 205, 7, 26, 217, 198, 229, 250, 242, 226, 81, 31, 37, 232, 112, 141, 152, 112, 26,
    247, 231, 242, 227, 111, 248, 250, 122, 144, 180, 193, 37, 46, 217, 132, 210, 90, 216, 54, 197, 117, 195, 173, 32,
    119, 162, 157, 50, 222, 23, 207, 105, 238, 29, 240, 193, 246, 84, 149, 227, 52, 239, 114, 183, 172, 203, 119, 84,
    61, 173, 166, 134, 148, 133, 156, 221, 79, 92, 241, 204, 159, 117, 42, 176, 57, 102, 169, 95, 61, 222, 9, 216,
    200, 146, 95, 235, 7, 167, 158, 171, 73, 184, 179, 126, 129, 61, 53, 230, 36, 153, 229, 99, 43, 76, 71, 184, 127,
    95, 162, 160, 197, 152, 244, 79, 219, 194, 26, 168, 152, 71, 24, 54, 128, 177, 220, 10, 48, 7, 16, 186, 247, 166,
    224, 144, 211, 246, 109, 59, 161, 79, 174, 14, 71, 61, 198, 59, 38, 39, 19, 175, 30, 133, 157, 159, 253, 76, 186,
    83, 34, 245, 102, 129, 74, 214, 229, 224, 87, 208, 150, 62, 31, 179, 5, 88, 58, 208, 132, 39, 173, 178, 72, 183,
    30, 214, 147, 29, 198, 251, 148, 194, 73, 205, 245, 72, 14, 182, 79, 160, 177, 255, 175, 108, 193, 25, 22, 34,
    129, 129, 51, 52, 144, 208, 187, 117, 58, 150, 97, 137, 84, 229, 66, 200, 46, 62, 250, 51, 33, 174, 129, 128, 164,
    87, 113, 147, 178, 29, 74, 154, 160, 213, 53, 60, 110, 15, 119, 186, 120, 164, 31, 31, 212, 231, 166, 206, 172,
    97, 233, 35, 16, 176, 106, 124, 229, 100, 86, 118, 182, 208, 243, 165, 136, 137, 255, 232, 46, 182, 115, 132, 134,
    237, 219, 5, 162, 121, 250, 180, 99, 157, 66, 208, 43, 164, 156, 16, 44, 240, 82, 170, 114, 247, 156, 148, 130,
    23, 25, 230, 118, 157, 72, 155, 245, 95, 104, 200, 63, 78, 81, 35, 229, 178, 74, 162, 209, 196, 96, 115, 64, 65,
    202, 110, 167, 150, 197, 84, 64, 71, 142, 180, 39, 3, 166, 160, 204, 1, 125, 149, 28, 30, 99, 48, 193, 212, 181,
    130, 89, 142, 44, 63, 153, 90, 229, 130, 229, 147, 149, 245, 192, 208, 121, 8, 129, 208, 92, 218, 239, 121, 123,
    4, 218, 138, 239, 51, 20, 72, 169, 223, 177, 137, 252, 182, 233, 82, 5, 25, 148, 135, 26, 90, 90, 66, 138, 145,
    117, 74, 51, 239, 145, 99, 31, 115, 0, 42, 26, 109, 171, 201, 145, 64, 70, 92, 7, 249, 14, 90, 10, 61, 13, 157,
    138, 200, 24, 40, 230, 178, 20, 127, 56, 23, 223, 226, 201, 134, 252, 67, 133, 229, 25, 23, 204, 182, 18, 224,
    151, 195, 152, 55, 132, 150, 59, 84, 54, 15, 203, 66, 50, 91, 217, 218, 186, 111, 241, 88, 226, 188, 211, 99, 100,
    154, 220, 90, 85, 201, 171, 141, 162, 164, 225, 172, 121, 48, 202, 158, 119, 129, 203, 206, 41, 56, 56, 252, 112,
    82, 2, 147, 22, 89, 48, 61, 102, 70, 136, 246, 122, 82, 5, 38, 113, 24, 27, 14, 34, 73, 190, 211, 179, 38, 34,
    234, 155, 118, 56, 255, 220, 219, 172, 54, 46, 248, 190, 222, 190, 108, 230, 2, 242, 255, 92, 197, 133, 205, 34,
    144, 212, 109, 178, 93, 9, 39, 221, 235, 53, 52, 14, 216, 173, 6, 161, 165, 202, 229, 248, 222, 65, 60, 101, 98,
    80, 167, 221, 31, 5, 157, 140, 192, 180, 98, 176, 138, 253, 40, 217, 88, 251, 19, 42, 237, 204, 233, 185, 22, 63,
    198, 253, 18, 171, 147, 44, 138, 189, 151, 202, 15, 194, 36, 127, 114, 10, 219, 192, 236, 14, 158, 15, 33, 136,
    142, 241, 56, 86, 39, 115, 22, 240, 246, 16, 165, 96, 7, 237, 125, 17, 150, 192, 191, 223, 17, 30, 237, 202, 99,
    188, 138, 123, 163, 116, 221, 152, 176, 243, 14, 37, 15, 240, 223, 87, 254, 15, 229, 191, 202, 172, 231, 142, 3,
    81, 43, 34, 241, 4, 71, 51, 237, 51, 46, 72, 57, 220, 64, 127, 98, 180, 233, 56, 209, 199, 79, 33, 2, 157, 30, 45,
    174, 89, 216, 186, 197, 50, 113, 4, 66, 70, 219, 224, 238, 167, 199, 253, 226, 194, 234, 140, 2, 57, 72, 23, 53,
    98, 145, 164, 56, 152, 41, 236, 126, 236, 179, 159, 212, 171, 212, 74, 122, 116, 238, 228, 201, 43, 199, 133, 210,
    247, 193, 120, 133, 198, 69, 59, 169, 194, 31, 168, 66, 105, 253, 237, 151, 171, 197, 151, 214, 220, 162, 5, 168,
    102, 132, 43, 99, 124, 186, 145, 56, 227, 152, 142, 187, 58, 178, 208, 243, 20, 173, 12, 190, 27, 217, 42, 234,
    14, 193, 110, 126, 181, 148, 133, 99, 102, 179, 161, 201, 128, 110, 209, 121, 104, 98, 115, 158, 102, 29, 25, 20,
    162
};

/* The weights of that start, if it is for such a network; *found says so. */
static gmlp_result gmlp__noise_weights(const gmlp_net *net, float *weights, int *found) {
    gmlp_net start;
    const gmlp_result result = gmlp_blob_read(gmlp__noise_start, sizeof gmlp__noise_start, &net->alloc, &start, NULL);
    *found = !result && start.method == net->method && start.inputs == net->inputs &&
             !memcmp(&start.mlp, &net->mlp, sizeof net->mlp);
    if (*found) memcpy(weights, start.weights, gmlp__weights(&net->mlp) * sizeof(float));
    gmlp_net_free(&start);
    return result;
}

/* Gives the trainer its memory, starts the weights, trains, and leaves them in the net as its blob will hold them. */
static gmlp_result gmlp__fit(gmlp__trainer *t, gmlp_train_report *report) {
    gmlp_net *net = t->net;
    const size_t flat = gmlp__weights(&net->mlp), tables = gmlp__feature_tables(t, NULL);
    size_t count, pass, muon[2] = {0, 0}, floats, i;
    float *memory;
    gmlp_result result;
    int started = 0;
    if (!t->device) gmlp__sections_begin(t);
    gmlp__shape_of(&net->mlp, &t->shape);
    count = t->shape.count;
    pass = gmlp__pass_count(&t->shape);
    t->shards = t->device ? 0 : (t->opts.batch + 511) / 512;
    if (t->shards > GMLP__MAX_SHARDS) t->shards = GMLP__MAX_SHARDS;
    if (t->opts.optimizer == GMLP_MUON && !t->device) {
        muon[0] = gmlp__muon_count(t->shape.features, t->shape.wide);
        muon[1] = gmlp__muon_count(t->shape.width, t->shape.wide);
    }
    floats = 4 * count + gmlp__transposes_count(&t->shape) + tables + t->shards * (count + pass) + muon[0] + muon[1];
    net->weights = (float *)gmlp__alloc(&t->opts.alloc, flat * sizeof(float));
    memory = (float *)gmlp__alloc(&t->opts.alloc, floats * sizeof(float));
    result = net->weights && memory ? GMLP_OK : GMLP_E_MEMORY;
    if (!result) {
        memset(memory, 0, floats * sizeof(float));
        t->block = memory;
        t->m = t->block + count;
        t->v = t->m + count;
        t->rounded = t->v + count;
        t->transposes = t->rounded + count;
        t->muon[0] = t->transposes + gmlp__transposes_count(&t->shape);
        t->muon[1] = t->muon[0] + muon[0];
        t->gradients = t->muon[1] + muon[1];
        t->scratch = t->gradients + t->shards * count;
        gmlp__feature_tables(t, t->scratch + t->shards * pass);
        if (t->opts.start) memcpy(net->weights, t->opts.start->weights, flat * sizeof(float));
        else if (t->opts.preset == GMLP_PRESET_PAPER) result = gmlp__noise_weights(net, net->weights, &started);
        if (!result && !t->opts.start && !started)
            result = gmlp_mlp_init(&net->mlp, t->opts.seed, t->opts.preset == GMLP_PRESET_PAPER ? 1.0f : 0.01f,
                                   net->weights);
        if (!result && t->device) result = gmlp__optimise_there(t, report);
        gmlp__pack(&t->shape, net->weights, t->block);
        if (!result && !t->device) result = gmlp__optimise(t, report);
        gmlp__unpack(&t->shape, t->block, net->weights);
        for (i = 0; i < flat && !result; i++)
            if (!gmlp__finite(net->weights[i])) result = GMLP_E_WEIGHT;
        if (!result && net->weight_format == GMLP_WEIGHTS_QUANTIZED) result = gmlp__settle(t);
        if (!result && !gmlp__weights_ok(net)) result = GMLP_E_WEIGHT;
        if (!result && t->opts.target_psnr > 0.0) report->psnr_og = gmlp__measure(t, report);
    }
    gmlp__free(&t->opts.alloc, memory, floats * sizeof(float));
    return result;
}

/* The smallest of a ladder of budgets, each a quarter above the one before, that reaches the target. */
#define GMLP__LADDER 32
static gmlp_result gmlp__search(gmlp__trainer *t, gmlp_train_report *report) {
    uint32_t budget[GMLP__LADDER];
    gmlp_net best = *t->net, fixed = *t->net;
    double best_psnr = 0.0, best_loss = 0.0;
    gmlp_result result = GMLP_OK;
    int low = 0, high = 0, i, rounds = 1;
    budget[0] = t->opts.budget;
    while (high < GMLP__LADDER - 1 && budget[high] > 1280) budget[high + 1] = budget[high] - budget[high] / 5, high++;
    for (i = high; i; i /= 2) rounds++;
    t->steps_all = t->opts.iterations * (uint32_t)rounds;
    /* budgets fall with the index: the largest first, then by halves towards the last that still reaches */
    for (i = 0; low <= high; i = (low + high + 1) / 2) {
        t->opts.budget = budget[i];
        *t->net = fixed;
        t->net->mlp.width = gmlp__width_for(budget[i], t->opts.frequencies);
        result = gmlp__fit(t, report);
        if (result) break;
        if (report->psnr_og >= t->opts.target_psnr) {
            gmlp_net_free(&best);
            best = *t->net;
            best_psnr = report->psnr_og;
            best_loss = report->loss;
            low = i + 1;
        } else {
            gmlp_net_free(t->net);
            if (i == 0) result = GMLP_E_TARGET;
            high = i - 1;
        }
        if (result) break;
    }
    if (result) {
        gmlp_net_free(&best);
        return result;
    }
    *t->net = best;
    report->psnr_og = best_psnr;
    report->loss = best_loss;
    return GMLP_OK;
}

/* The brightest channel of each band. */
static void gmlp__brightest_job(void *ctx, size_t job) {
    gmlp__trainer *t = (gmlp__trainer *)ctx;
    gmlp__rows r;
    uint32_t y, x;
    size_t c;
    gmlp__rows_begin(t, job, &r);
    for (y = gmlp__band(t->wide->height, job); y < gmlp__band(t->wide->height, job + 1); y++) {
        gmlp__load_row(&t->load_wide, gmlp__row(t->wide, y), t->wide->plane_stride, t->wide->width, r.wide[0],
                       r.wide[1], r.wide[2]);
        for (c = 0; c < 3; c++)
            for (x = 0; x < t->wide->width; x++)
                if ((double)r.wide[c][x] > t->rest[job]) t->rest[job] = (double)r.wide[c][x]; /* not if it is NaN */
    }
}

/* What the method takes from the original's brightest channel. */
static gmlp_result gmlp__choose_by_light(gmlp__trainer *t) {
    double rest[GMLP__BANDS] = {0}, brightest = 0.0;
    gmlp_result result;
    size_t i;
    if (!t->lessons->choose) return GMLP_OK;
    t->rest = rest;
    result = t->device ? t->device->brightest(t->work, &t->pictures, &rest[0])
                       : gmlp__run_bands(t, gmlp__brightest_job);
    for (i = 0; i < GMLP__BANDS; i++)
        if (rest[i] > brightest) brightest = rest[i];
    if (!result) t->lessons->choose(&t->opts, brightest, t->net);
    return result;
}

/* Mean and spread of the samples' targets, or of their colours: of the range with preset PAPER, else 3 1/3 standard
   deviations. */
static void gmlp__measure_scale(const gmlp__trainer *t, int colors, float *mean, float *range) {
    const double n = 3.0 * (double)t->sample_count;
    double sum = 0.0, square = 0.0, least = 1e30, most = -1e30, spread;
    size_t i;
    for (i = 0; i < gmlp__chunks(t); i++) {
        const gmlp_device_moments m = gmlp__moments(t, i, colors);
        sum += m.sum;
        square += m.square;
        if (m.least < least) least = m.least;
        if (m.most > most) most = m.most;
    }
    sum /= n;
    square = gmlp__sqrt(square / n - gmlp__dmul(sum, sum) > 1e-12 ? square / n - gmlp__dmul(sum, sum) : 1e-12);
    spread = t->opts.preset == GMLP_PRESET_PAPER ? 0.5 * (most - least) : square / 0.3;
    *mean = (float)sum;
    *range = spread > 1e-6 ? (float)spread : 1e-6f;
}

/* Puts the samples' targets and colours about 0 in units of their spread, and says so in the net. */
static void gmlp__normalise(gmlp__trainer *t) {
    gmlp__scale *scale = &t->domain.scale;
    gmlp_net *net = t->net;
    size_t i, c;
    if (!t->family->scale) {
        gmlp__measure_scale(t, 0, &scale->map_mean, &scale->map_range);
        scale->input_mean = 0.0f; /* not used */
        scale->input_range = 1.0f;
        if (net->inputs == GMLP_INPUT_WIDE) gmlp__measure_scale(t, 1, &scale->input_mean, &scale->input_range);
        net->map_mean = scale->map_mean;
        net->map_range = scale->map_range;
        net->input_mean = scale->input_mean;
        net->input_range = scale->input_range;
    }
    for (i = 0; i < t->sample_count && t->samples; i++)
        for (c = 0; c < 3; c++) {
            gmlp__sample *s = &t->samples[i];
            s->target[c] = (s->target[c] - scale->map_mean) / scale->map_range;
            s->color[c] = (s->color[c] - scale->input_mean) / scale->input_range;
        }
}

/* The net's fields, but for the weights and what is measured. */
static void gmlp__net_begin(const gmlp__trainer *t) {
    const int paper = t->opts.preset == GMLP_PRESET_PAPER;
    gmlp_net *net = t->net;
    net->method = t->opts.method;
    net->wide_space = t->wide->space;
    net->base_space = t->base->space;
    net->adaptation = t->opts.adaptation;
    net->inputs = t->lessons->kind[paper].inputs;
    net->mask = t->lessons->kind[paper].mask;
    net->weight_format = paper ? GMLP_WEIGHTS_F32 : GMLP_WEIGHTS_QUANTIZED;
    net->mlp.activation = t->opts.activation;
    net->mlp.bias = t->lessons->kind[paper].bias;
    net->mlp.width = t->opts.width;
    memcpy(net->mlp.frequencies, t->opts.frequencies, sizeof net->mlp.frequencies);
    memcpy(net->radius, t->opts.radius, sizeof net->radius);
    net->width = net->base_width = t->base->width;
    net->height = net->base_height = t->base->height;
    net->coords.col_step = net->coords.row_step = 1.0f;
    net->alloc = t->opts.alloc;
}

/* Is the network of a shape that there is, and the start of the same? */
static int gmlp__shape_ok(const gmlp__trainer *t) {
    const gmlp_net *net = t->net, *start = t->opts.start;
    if (!gmlp__weights(&net->mlp)) return 0;
    return !start ||
           (!(t->opts.target_psnr > 0.0) && start->weights && !memcmp(&start->mlp, &net->mlp, sizeof net->mlp) &&
            !memcmp(start->radius, net->radius, sizeof net->radius) && start->inputs == net->inputs &&
            start->method == net->method);
}

static gmlp_device_reader gmlp__reader(const gmlp__loader *l, const gmlp_image *im);
static gmlp_device_signals gmlp__signals(const gmlp__domain *d);

/* What the device gets of the pictures, but for what the brightest light is needed for. */
static gmlp_result gmlp__pictures_begin(gmlp__trainer *t) {
    const int looks = gmlp__chooses_margin(t);
    gmlp_device_pictures *p = &t->pictures;
    gmlp_result result;
    p->base = t->base;
    p->wide = t->wide;
    p->read_base = gmlp__reader(&t->load_base, t->base);
    p->read_wide = gmlp__reader(&t->load_wide, t->wide);
    memcpy(p->to_srgb, t->to_srgb, sizeof p->to_srgb);
    memcpy(p->to_wide, t->to_wide, sizeof p->to_wide);
    p->finds_og = t->lessons->finds_og;
    p->method = t->net->method;
    p->mask = t->net->mask;
    p->two_classes = gmlp__two_classes(t);
    p->clipped_share = gmlp__clipped_sample(t, GMLP__CLIPPED_SHARE - 1) ? GMLP__CLIPPED_SHARE : 0;
    memcpy(p->radius, t->opts.radius, sizeof p->radius);
    t->seen_base = *t->base;
    result = t->device->open(t->device->user, t->base, t->wide, &t->seen_base, looks ? &t->few_rows : NULL, &t->work);
    t->base = &t->seen_base;
    return result;
}

/* How pixels are read. */
static gmlp_result gmlp__trainer_open(gmlp__trainer *t) {
    const gmlp_image *base = t->base, *wide = t->wide;
    const gmlp_alloc *alloc = &t->opts.alloc;
    size_t of_base, of_wide;
    gmlp_result result;
    gmlp__float_matrix(wide->space, GMLP_SRGB_LINEAR, t->opts.adaptation, t->to_srgb);
    gmlp__float_matrix(base->space, wide->space, t->opts.adaptation, t->to_wide);
    if (!gmlp__white_nits_ok(t->opts.white_nits)) return GMLP_E_ARGUMENT;
    of_base = gmlp__loader_bytes(GMLP_U8, base->space);
    of_wide = gmlp__loader_bytes(wide->type, wide->space);
    t->curves_size = of_base + of_wide + gmlp__domain_bytes(t->net);
    t->curves = (unsigned char *)gmlp__alloc(alloc, t->curves_size);
    if (!t->curves) return GMLP_E_MEMORY;
    gmlp__loader_init(&t->load_base, GMLP_U8, base->space, 0.0, t->kernels, t->curves);
    t->load_base.channels = gmlp__channels(GMLP_U8, base->channels);
    gmlp__loader_init(&t->load_wide, wide->type, wide->space, t->opts.white_nits, t->kernels, t->curves + of_base);
    t->load_wide.channels = gmlp__channels(wide->type, wide->channels);
    gmlp__take_few_rows(t);
    result = t->device ? gmlp__pictures_begin(t) : GMLP_OK;
    if (!result) result = gmlp__choose_by_light(t);
    if (!result) gmlp__domain_open(&t->domain, t->net, 0.0, t->kernels, t->curves + of_base + of_wide);
    t->pictures.domain = gmlp__signals(&t->domain);
    return result;
}

static void gmlp__trainer_close(gmlp__trainer *t) {
    if (t->work) t->device->close(t->work);
    gmlp__free(&t->opts.alloc, t->moments, gmlp__chunks(t) * sizeof *t->moments);
    gmlp__free(&t->opts.alloc, t->samples, t->sample_count * sizeof *t->samples);
    gmlp__free(&t->opts.alloc, t->curves, t->curves_size);
}

/* Training of any family. */
static gmlp_result gmlp__train(const gmlp_image *base, const gmlp_image *wide, const gmlp_train_opts *opts,
                               const gmlp__lessons *lessons, gmlp_net *net, gmlp_train_report *report) {
    gmlp__trainer t;
    gmlp_train_report unused;
    gmlp__fp_state fp;
    gmlp_result result;
    if (!report) report = &unused;
    memset(report, 0, sizeof *report);
    if (!net || (opts && opts->start == net)) return GMLP_E_ARGUMENT;
    memset(net, 0, sizeof *net);
    memset(&t, 0, sizeof t);
    if (gmlp__check_pair(base, wide) || base->type != GMLP_U8 || base->plane_stride ||
        !gmlp__base_ok(lessons->family, base->space) || wide->space == GMLP_SYCC ||
        !gmlp__resolve_train(opts, lessons, &t.opts, t.effort))
        return GMLP_E_ARGUMENT;
    t.kernels = gmlp__select(t.opts.isa);
    t.lessons = lessons;
    t.family = lessons->family;
    t.net = net;
    t.base = base;
    t.wide = wide;
    if (!(t.opts.target_psnr > 0.0) && t.opts.activation == GMLP_RELU) t.device = t.opts.device;
    gmlp__net_begin(&t);
    if (!t.kernels || !gmlp__shape_ok(&t)) {
        memset(net, 0, sizeof *net);
        return GMLP_E_ARGUMENT;
    }
    fp = gmlp__fp_enter();
    result = gmlp__trainer_open(&t);
    if (!result) result = gmlp__collect(&t, report);
    if (!result) gmlp__normalise(&t);
    if (!result && lessons->finds_og && !report->out_of_gamut) {
        gmlp__sign(net, t.base);
        net->method = GMLP_METHOD_NONE;
        net->section_bytes = 0;
    } else {
        if (!result && !t.device) result = gmlp__know_base(&t);
        if (!result) result = t.opts.target_psnr > 0.0 ? gmlp__search(&t, report) : gmlp__fit(&t, report);
    }
    gmlp__trainer_close(&t);
    if (result) gmlp_net_free(net);
    gmlp__fp_leave(fp);
    return result;
}

GMLP_DEF gmlp_result gmlp_train(const gmlp_image *base, const gmlp_image *wide, const gmlp_train_opts *opts,
                                gmlp_net *net, gmlp_train_report *report) {
    return gmlp__train(base, wide, opts, &gmlp__gamut_lessons, net, report);
}

GMLP_DEF gmlp_result gmlp_train_hdr(const gmlp_image *base, const gmlp_image *hdr, const gmlp_train_opts *opts,
                                    gmlp_net *net, gmlp_train_report *report) {
    return gmlp__train(base, hdr, opts, &gmlp__hdr_lessons, net, report);
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>blob: the network as bytes; signature; coordinates
*/
GMLP_DEF void gmlp_net_free(gmlp_net *net) {
    if (!net) return;
    if (net->weights) gmlp__free(&net->alloc, net->weights, gmlp__weights(&net->mlp) * sizeof(float));
    memset(net, 0, sizeof *net);
}

/* The one place where parsers report. */
static gmlp_result gmlp__fail(gmlp_error *err, gmlp_result result, size_t offset, const char *text) {
    if (err) {
        err->result = result;
        err->offset = offset;
        err->text = text;
    }
    return result;
}

/* CRC-32 of ISO 3309, as PNG and zlib have it; crc is 0 at first, then the last value. */
static uint32_t gmlp__crc32(uint32_t crc, const uint8_t *p, size_t n) {
    static const uint32_t table[16] = { /* remainders of the 16 values of half a byte */
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu
    };
    crc = ~crc;
    while (n--) {
        crc ^= *p++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* Reads untrusted bytes. A read past the end gives zeros and sets failed for good. */
typedef struct gmlp__rd {
    const uint8_t *p;
    size_t left;
    int failed;
} gmlp__rd;

static uint32_t gmlp__rd_le(gmlp__rd *r, size_t n) {
    uint32_t v = 0;
    size_t i;
    if (r->failed || n > r->left) {
        r->failed = 1;
        return 0;
    }
    for (i = 0; i < n; i++) v |= (uint32_t)r->p[i] << 8 * i;
    r->p += n;
    r->left -= n;
    return v;
}

static void gmlp__rd_bytes(gmlp__rd *r, uint8_t *out, size_t n) {
    while (n--) *out++ = (uint8_t)gmlp__rd_le(r, 1);
}

static float gmlp__rd_float(gmlp__rd *r) {
    uint32_t u = gmlp__rd_le(r, 4);
    float v;
    memcpy(&v, &u, 4);
    return v;
}

enum {
    GMLP__BLOB_VERSION = 4,
    GMLP__BLOB_PLAIN = 3,  /* the version without sections */
    GMLP__BLOB_HEAD = 34,  /* bytes that every method has */
    GMLP__BLOB_NET = 118,  /* bytes before HDR's numbers, the sections and the weights */
    GMLP__BLOB_CRC = 4
};

static const float gmlp__weight_limit = 65504.0f; /* the largest half; also keeps every sum in the network finite */

/* The layers in the flat array of weights. */
typedef struct gmlp__layer {
    size_t in, out, w, b; /* w, b: where its matrix and its bias start */
    int bias;             /* the blob holds its bias */
} gmlp__layer;

static void gmlp__layers(const gmlp_mlp *mlp, gmlp__layer l[3]) {
    size_t at = 0;
    int i;
    for (i = 0; i < 3; i++) {
        l[i].in = i == 0 ? gmlp__features(mlp->frequencies) : (size_t)mlp->width;
        l[i].out = i == 2 ? 3 : (size_t)mlp->width;
        l[i].w = at;
        l[i].b = at + l[i].in * l[i].out;
        l[i].bias = i == 0 || mlp->bias == GMLP_BIAS_ALL;
        at = l[i].b + l[i].out;
    }
}

static int gmlp__weight_ok(float v) { return gmlp__finite(v) && v >= -gmlp__weight_limit && v <= gmlp__weight_limit; }

/* A binary arithmetic coder, for writing and reading: the same code walks through the weights either
   way, and the layout in the manual is what it does. Whole numbers only. */
typedef struct gmlp__model {
    uint16_t p, n; /* chance of a one in 65536ths, less what it has not learnt yet; bits seen */
} gmlp__model;

typedef struct gmlp__coder {
    int reading;
    uint32_t low, high, value;
    uint8_t *out;        /* writing; NULL: only counts */
    const uint8_t *in;   /* reading */
    size_t at, size;     /* of in or out */
} gmlp__coder;

enum {
    GMLP__LARGEST_LOG = 15,                         /* of |q| + 1 */
    GMLP__UPPER = GMLP__LARGEST_LOG,                /* models: of the ones, of the upper bit, of the next */
    GMLP__NEXT = GMLP__UPPER + GMLP__LARGEST_LOG + 1,
    GMLP__MODELS = GMLP__NEXT + 2 * (GMLP__LARGEST_LOG + 1)
};

static void gmlp__coder_byte(gmlp__coder *c) {
    if (c->reading) c->value = c->value << 8 | (c->at < c->size ? c->in[c->at] : 0u);
    else if (c->out) c->out[c->at] = (uint8_t)(c->high >> 24);
    c->at++;
}

static void gmlp__coder_init(gmlp__coder *c, int reading, uint8_t *out, const uint8_t *in, size_t size) {
    memset(c, 0, sizeof *c);
    c->reading = reading;
    c->out = out;
    c->in = in;
    c->size = size;
    c->high = 0xffffffffu;
    while (reading && c->at < 4) gmlp__coder_byte(c);
}

/* Writes bit, or gives the one that is read. model NULL: as likely as not. */
static unsigned gmlp__coder_bit(gmlp__coder *c, gmlp__model *model, unsigned bit) {
    const uint32_t p = model ? model->p < 64 ? 64 : model->p > 65472 ? 65472 : model->p : 32768;
    const uint32_t middle = c->low + (uint32_t)((uint64_t)(c->high - c->low) * p >> 16);
    if (c->reading) bit = c->value <= middle;
    if (bit) c->high = middle;
    else c->low = middle + 1;
    if (model) {
        model->p = (uint16_t)(model->p + ((bit ? 65535 : 0) - model->p) * 2 / (2 * model->n + 3));
        if (model->n < 127) model->n++;
    }
    while (!((c->low ^ c->high) >> 24)) {
        gmlp__coder_byte(c);
        c->low <<= 8;
        c->high = c->high << 8 | 255u;
    }
    return bit;
}

/* Writes q, or gives the one that is read; |q| may then be up to 65534. */
static int gmlp__coder_number(gmlp__coder *c, gmlp__model m[GMLP__MODELS], int q) {
    const uint32_t size = (uint32_t)(q < 0 ? -q : q) + 1;
    uint32_t v = 1;
    int k = 0, i;
    while (k < GMLP__LARGEST_LOG && gmlp__coder_bit(c, &m[k], size >> (k + 1) != 0)) k++;
    for (i = k - 1; i >= 0; i--) {
        gmlp__model *model = i == k - 1 ? &m[GMLP__UPPER + k]
                           : i == k - 2 ? &m[GMLP__NEXT + 2 * k + (int)(v & 1)]
                                        : NULL;
        v = v << 1 | gmlp__coder_bit(c, model, size >> i & 1);
    }
    return v == 1 ? 0 : gmlp__coder_bit(c, NULL, q < 0) ? 1 - (int)v : (int)v - 1;
}

static int gmlp__nearest(double v) { return v < 0.0 ? -(int)(0.5 - v) : (int)(v + 0.5); }

/* The whole number that v is of steps, and whether it is one. */
static int gmlp__multiple(float v, float step, int *q) {
    float again;
    const double n = (double)v / (double)step; /* the rounded product may be a little more than 32767 steps */
    *q = n > -GMLP__LARGEST - 0.5 && n < GMLP__LARGEST + 0.5 ? gmlp__nearest(n) : 0;
    again = (float)*q * step;
    return !memcmp(&again, &v, sizeof v); /* tells -0 from 0, and NaN from all */
}

/* How many weights of layer l a blob holds, and where the layer starts in the flat array. */
static size_t gmlp__layer_count(const gmlp__layer *l) { return (l->in + (l->bias ? 1u : 0u)) * l->out; }

/* All weights through the coder: from the net, or into it. Reading, 0 if a number is too large. */
static int gmlp__coder_weights(gmlp__coder *c, const gmlp_net *net) {
    gmlp__layer l[3];
    gmlp__model m[GMLP__MODELS];
    size_t i;
    int k, j, q = 0;
    gmlp__layers(&net->mlp, l);
    for (k = 0; k < 3; k++) {
        for (j = 0; j < GMLP__MODELS; j++) {
            m[j].p = 32768;
            m[j].n = 0;
        }
        for (i = 0; i < gmlp__layer_count(&l[k]); i++) {
            float *w = net->weights + l[k].w + i;
            if (!c->reading) gmlp__multiple(*w, net->step_size[k], &q);
            q = gmlp__coder_number(c, m, q);
            if (c->reading && (q > GMLP__LARGEST || q < -GMLP__LARGEST)) return 0;
            if (c->reading) *w = (float)q * net->step_size[k];
        }
    }
    if (!c->reading) gmlp__coder_byte(c); /* high's first byte, then zeros: within low..high, since low's is less */
    return 1;
}

/* Bytes that a blob has before the sections, before the weights, and for weights as floats. */
static size_t gmlp__blob_sections(const gmlp_net *net) {
    return GMLP__BLOB_NET + 4 * (size_t)gmlp__method_of(net->method)->family->numbers;
}
static size_t gmlp__blob_before(const gmlp_net *net) {
    return gmlp__blob_sections(net) + (net->section_bytes ? net->section_bytes + 2u : 0u);
}
static size_t gmlp__floats_size(const gmlp_net *net) {
    gmlp__layer l[3];
    gmlp__layers(&net->mlp, l);
    return 4 * (gmlp__layer_count(&l[0]) + gmlp__layer_count(&l[1]) + gmlp__layer_count(&l[2]));
}

/* How many of a net's section bytes, which are within the limit, make whole sections of rising kinds, up to the first
   one of kind end or later. */
static size_t gmlp__sections_pass(const gmlp_net *net, int end) {
    const uint8_t *const p = net->sections;
    size_t at = 0, left;
    int last = 0;
    while ((left = net->section_bytes - at) >= 2 && p[at] > last && p[at] < end && p[at + 1] + 2u <= left) {
        last = p[at];
        at += p[at + 1] + 2u;
    }
    return at;
}

/* The fields of a blob from its method on, in their order: those of every blob, those of networks, and the numbers of
   HDR. In a net they are int, uint32_t or float, of 32 bits all. */
enum { GMLP__HEAD_FIELDS = 13, GMLP__FIELDS = 20 };
static const struct {
    uint16_t at;          /* in gmlp_net */
    uint16_t bytes;       /* in a blob; 4: a float */
    uint32_t least, most; /* floats: within a million; least: not 0 */
    const char *text;     /* if it is not; NULL: judged by another rule */
} gmlp__fields[GMLP__FIELDS + GMLP__NUMBERS] = {
    {offsetof(gmlp_net, method), 1, GMLP_METHOD_NONE, GMLP_METHOD_DIRECT, "the method is unknown"},
    {offsetof(gmlp_net, wide_space), 1, 0, 0, NULL},
    {offsetof(gmlp_net, base_space), 1, 0, 0, NULL},
    {offsetof(gmlp_net, adaptation), 1, GMLP_BRADFORD, GMLP_CAT02, "the adaptation is unknown"},
    {offsetof(gmlp_net, coords.transpose), 1, 0, 1, "the transposition is neither 0 nor 1"},
    {offsetof(gmlp_net, width), 2, 1, GMLP_MAX_SIZE, "the trained width is not within 1..65535"},
    {offsetof(gmlp_net, height), 2, 1, GMLP_MAX_SIZE, "the trained height is not within 1..65535"},
    {offsetof(gmlp_net, base_width), 2, 1, GMLP_MAX_SIZE, "the base's width is not within 1..65535"},
    {offsetof(gmlp_net, base_height), 2, 1, GMLP_MAX_SIZE, "the base's height is not within 1..65535"},
    {offsetof(gmlp_net, coords.col), 4, 0, 0, "the first column is not a number within a million"},
    {offsetof(gmlp_net, coords.col_step), 4, 1, 0, "the column step is 0 or not a number within a million"},
    {offsetof(gmlp_net, coords.row), 4, 0, 0, "the first row is not a number within a million"},
    {offsetof(gmlp_net, coords.row_step), 4, 1, 0, "the row step is 0 or not a number within a million"},
    {offsetof(gmlp_net, inputs), 1, GMLP_INPUT_CODES, GMLP_INPUT_HALF, "the kind of inputs is unknown"},
    {offsetof(gmlp_net, mask), 1, GMLP_MASK_SATURATED, GMLP_MASK_ALL, "the mask is unknown"},
    {offsetof(gmlp_net, clip_margin), 1, 0, 63, "the margin is beyond 63"},
    {offsetof(gmlp_net, weight_format), 1, GMLP_WEIGHTS_QUANTIZED, GMLP_WEIGHTS_F32,
     "the coding of the weights is unknown"},
    {offsetof(gmlp_net, mlp.activation), 1, GMLP_RELU, GMLP_SINE, "the activation is unknown"},
    {offsetof(gmlp_net, mlp.bias), 1, GMLP_BIAS_ALL, GMLP_BIAS_FIRST, "the kind of bias is unknown"},
    {offsetof(gmlp_net, mlp.width), 1, 0, 0, NULL},
    {offsetof(gmlp_net, white_nits), 4, 0, 0, NULL},
    {offsetof(gmlp_net, signal_max), 4, 0, 0, NULL},
    {offsetof(gmlp_net, content_max), 4, 0, 0, NULL},
    {offsetof(gmlp_net, map_mean), 4, 0, 0, "the map's mean is not a number within a million"},
    {offsetof(gmlp_net, map_range), 4, 1, 0, "the map's range is 0 or not a number within a million"},
    {offsetof(gmlp_net, input_mean), 4, 0, 0, "the inputs' mean is not a number within a million"},
    {offsetof(gmlp_net, input_range), 4, 1, 0, "the inputs' range is 0 or not a number within a million"}
};

static float *gmlp__number(gmlp_net *net, int i) {
    return (float *)(void *)((unsigned char *)net + gmlp__fields[GMLP__FIELDS + i].at);
}

/* Judges the fields from one on up to another, by that table; the first one's offset. */
static gmlp_result gmlp__fields_check(const gmlp_net *net, int i, int end, size_t offset, gmlp_error *err) {
    for (; i < end; offset += gmlp__fields[i++].bytes) {
        uint32_t v;
        float number;
        memcpy(&v, (const unsigned char *)net + gmlp__fields[i].at, sizeof v);
        memcpy(&number, &v, sizeof number);
        if (gmlp__fields[i].text &&
            (gmlp__fields[i].bytes == 4 ? !gmlp__number_ok(number) || (gmlp__fields[i].least && number == 0.0f)
                                        : v - gmlp__fields[i].least > gmlp__fields[i].most - gmlp__fields[i].least))
            return gmlp__fail(err, GMLP_E_FIELD, offset, gmlp__fields[i].text);
    }
    return GMLP_OK;
}

static int gmlp__step_ok(float v) { return gmlp__finite(v) && v > 1e-30f && v <= gmlp__weight_limit; }

/* Judges every field but the weights; offsets are those of the blob's bytes. */
static gmlp_result gmlp__net_check(const gmlp_net *net, gmlp_error *err) {
    const gmlp__method *method = gmlp__method_of(net->method);
    const int space = net->wide_space;
    int k;
    if (gmlp__fields_check(net, 0, GMLP__HEAD_FIELDS, 5, err)) return GMLP_E_FIELD;
    GMLP__RULE((space >= GMLP_SRGB && space <= GMLP_REC709) ||
                   (space >= GMLP_SRGB_LINEAR && space <= GMLP_REC2020_LINEAR),
               6, "the colour space of the original is unknown");
    GMLP__RULE(gmlp__base_ok(method->family, net->base_space), 7,
               "the base's colour space is not one of this method's");
    if (net->method == GMLP_METHOD_NONE) return GMLP_OK;
    if (gmlp__fields_check(net, GMLP__HEAD_FIELDS, GMLP__FIELDS, GMLP__BLOB_HEAD, err)) return GMLP_E_FIELD;
    GMLP__RULE(gmlp__weights(&net->mlp) != 0, 40, "the network's width or frequencies are not allowed");
    for (k = 0; k < GMLP_WINDOWS; k++) {
        GMLP__RULE(net->radius[k] <= (net->inputs == GMLP_INPUT_WIDE ? 0 : GMLP_MAX_RADIUS), 52 + (size_t)k,
                   "a window's radius is not allowed");
        GMLP__RULE(net->radius[k] || !gmlp__window_frequencies(net->mlp.frequencies, k), 46 + 3 * (size_t)k,
                   "a window without a radius has frequencies");
    }
    if (method->family->examine && method->family->examine(net, err)) return GMLP_E_FIELD;
    if (gmlp__fields_check(net, GMLP__FIELDS, GMLP__FIELDS + method->family->numbers, GMLP__BLOB_NET, err))
        return GMLP_E_FIELD;
    GMLP__RULE(net->section_bytes <= GMLP_MAX_SECTIONS && gmlp__sections_pass(net, 256) == net->section_bytes,
               gmlp__blob_sections(net), "the sections are not whole, or too many");
    for (k = 0; k < 3 && net->weight_format == GMLP_WEIGHTS_QUANTIZED; k++)
        GMLP__RULE(gmlp__step_ok(net->step_size[k]), gmlp__blob_before(net) + 4 * (size_t)k,
                   "a layer's step is not a positive finite number");
#undef GMLP__RULE
    return GMLP_OK;
}

/* Fills net->weights, which are 0, from the size bytes at p, the steps behind them. */
static gmlp_result gmlp__weights_read(gmlp_net *net, const uint8_t *p, size_t size, gmlp_error *err) {
    gmlp__layer l[3];
    gmlp__coder c;
    gmlp__rd r;
    size_t i, k, offset = gmlp__blob_before(net);
    gmlp__layers(&net->mlp, l);
    if (net->weight_format == GMLP_WEIGHTS_F32) {
        r.p = p;
        r.left = size;
        r.failed = 0;
        for (k = 0; k < 3; k++)
            for (i = 0; i < gmlp__layer_count(&l[k]); i++, offset += 4) {
                /* checked: no network has no weights */
                net->weights[l[k].w + i] = gmlp__rd_float(&r);
                if (!gmlp__weight_ok(net->weights[l[k].w + i]))
                    return gmlp__fail(err, GMLP_E_WEIGHT, offset, "a weight is not finite or beyond 65504");
            }
        return GMLP_OK;
    }
    gmlp__coder_init(&c, 1, NULL, p + 12, size - 12);
    if (!gmlp__coder_weights(&c, net))
        return gmlp__fail(err, GMLP_E_WEIGHT, offset + 12 + (c.at < c.size ? c.at : c.size),
                          "a weight's number is beyond 32767");
    /* it holds four bytes from the start on, where the writer gave one at the end */
    if (c.at != c.size + 3)
        return gmlp__fail(err, GMLP_E_FORMAT, offset + size,
                          c.at < c.size + 3 ? "there are bytes after the weights" : "the weights end too early");
    for (k = 0; k < 3; k++)
        for (i = 0; i < gmlp__layer_count(&l[k]); i++)
            if (!gmlp__weight_ok(net->weights[l[k].w + i]))
                return gmlp__fail(err, GMLP_E_WEIGHT, offset + 4 * k, "a weight is beyond 65504");
    return GMLP_OK;
}

/* All of a blob but its weights: the fields in n, the bytes before the weights and those before the checksum. */
static gmlp_result gmlp__blob_open(const void *bytes, size_t size, gmlp_net *n, size_t *before, size_t *need,
                                   gmlp_error *err) {
    const uint8_t *p = (const uint8_t *)bytes;
    const gmlp__method *method;
    gmlp_result result;
    uint32_t version;
    gmlp__rd r;
    int i;
    memset(n, 0, sizeof *n);
    *before = *need = GMLP__BLOB_HEAD;
    r.p = p;
    r.left = size;
    r.failed = 0;
    if (memcmp(p, "GMLP", size < 4 ? size : 4)) return gmlp__fail(err, GMLP_E_FORMAT, 0, "this is not a GamutMLP blob");
    gmlp__rd_le(&r, 4);
    version = gmlp__rd_le(&r, 1);
    if (version > GMLP__BLOB_VERSION)
        return gmlp__fail(err, GMLP_E_NEWER, 4, "the blob is of a newer version of the format");
    if (version < GMLP__BLOB_PLAIN && !r.failed)
        return gmlp__fail(err, GMLP_E_OLDER, 4, "the blob is of a version of the format from before 0.3");
    for (i = 0; i < (n->method == GMLP_METHOD_NONE ? GMLP__HEAD_FIELDS : GMLP__FIELDS); i++) {
        const uint32_t v = gmlp__rd_le(&r, gmlp__fields[i].bytes);
        memcpy((unsigned char *)n + gmlp__fields[i].at, &v, sizeof v);
    }
    method = gmlp__method_of(n->method);
    if (n->method != GMLP_METHOD_NONE) {
        gmlp__rd_bytes(&r, n->mlp.frequencies, GMLP_INPUTS);
        gmlp__rd_bytes(&r, n->radius, GMLP_WINDOWS);
        gmlp__rd_bytes(&r, n->signature, GMLP_SIGNATURE_SIZE);
        for (i = 0; method && i < method->family->numbers; i++) *gmlp__number(n, i) = gmlp__rd_float(&r);
        if (version > GMLP__BLOB_PLAIN) {
            n->section_bytes = gmlp__rd_le(&r, 2);
            if (n->section_bytes - 1 >= GMLP_MAX_SECTIONS && !r.failed)
                return gmlp__fail(err, GMLP_E_FIELD, size - r.left - 2, "the sections have no bytes, or too many");
            gmlp__rd_bytes(&r, n->sections, n->section_bytes);
        }
        for (i = 0; i < 3 && n->weight_format == GMLP_WEIGHTS_QUANTIZED; i++) n->step_size[i] = gmlp__rd_float(&r);
    }
    if (r.failed) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the blob ends within its header");
    result = gmlp__net_check(n, err);
    if (result != GMLP_OK) return result;
    if (n->method != GMLP_METHOD_NONE) { /* coded weights reach to the checksum, whatever their number */
        *before = gmlp__blob_before(n);
        *need = *before + (n->weight_format == GMLP_WEIGHTS_QUANTIZED ? 13 : gmlp__floats_size(n));
        if (n->weight_format == GMLP_WEIGHTS_QUANTIZED && size > *need + GMLP__BLOB_CRC) *need = size - GMLP__BLOB_CRC;
    }
    if (size < *need + GMLP__BLOB_CRC) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the blob ends too early");
    if (size > *need + GMLP__BLOB_CRC)
        return gmlp__fail(err, GMLP_E_FORMAT, *need + GMLP__BLOB_CRC, "there are bytes after the checksum");
    r.p = p + *need;
    r.left = GMLP__BLOB_CRC;
    if (gmlp__rd_le(&r, GMLP__BLOB_CRC) != gmlp__crc32(0, p, *need))
        return gmlp__fail(err, GMLP_E_CORRUPT, *need, "the blob's checksum does not match");
    return GMLP_OK;
}

GMLP_DEF const uint8_t *gmlp_net_section(const gmlp_net *net, int kind, size_t *size) {
    size_t at, left;
    *size = 0;
    if (net->section_bytes > GMLP_MAX_SECTIONS) return NULL;
    at = gmlp__sections_pass(net, kind);
    left = net->section_bytes - at;
    if (left < 2 || net->sections[at] != kind || net->sections[at + 1] > left - 2) return NULL;
    *size = net->sections[at + 1];
    return net->sections + at + 2;
}

GMLP_DEF gmlp_result gmlp_blob_info(const void *bytes, size_t size, gmlp_blob_desc *out, gmlp_error *err) {
    size_t before, need;
    gmlp_result result;
    gmlp_net n;
    if (out) memset(out, 0, sizeof *out);
    if (!bytes || !out) return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "no bytes or no description given");
    result = gmlp__blob_open(bytes, size, &n, &before, &need, err);
    if (result != GMLP_OK) return result;
    out->version = ((const uint8_t *)bytes)[4];
    out->method = n.method;
    out->wide_space = n.wide_space;
    out->base_space = n.base_space;
    out->hidden_width = n.mlp.width;
    out->width = n.width;
    out->height = n.height;
    out->base_width = n.base_width;
    out->base_height = n.base_height;
    out->halo = gmlp_net_halo(&n);
    out->weights = n.method == GMLP_METHOD_NONE ? 0 : gmlp__weights(&n.mlp);
    out->size = size;
    gmlp_decoder_size(&n, GMLP_F16, n.wide_space, NULL, &out->decoder_bytes);
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_blob_read(const void *bytes, size_t size, const gmlp_alloc *alloc, gmlp_net *net,
                                    gmlp_error *err) {
    size_t before, need, count;
    gmlp_result result;
    gmlp__fp_state fp;
    gmlp_net n;
    if (net) memset(net, 0, sizeof *net);
    if (!bytes || !net) return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "no bytes or no net given");
    result = gmlp__blob_open(bytes, size, &n, &before, &need, err);
    if (result != GMLP_OK) return result;
    if (alloc) n.alloc = *alloc;
    if (n.method != GMLP_METHOD_NONE) {
        count = gmlp__weights(&n.mlp);
        n.weights = (float *)gmlp__alloc(&n.alloc, count * sizeof(float));
        if (!n.weights) return gmlp__fail(err, GMLP_E_MEMORY, before, "no memory for the weights");
        memset(n.weights, 0, count * sizeof(float)); /* biases that the blob leaves out are 0 */
        fp = gmlp__fp_enter();
        result = gmlp__weights_read(&n, (const uint8_t *)bytes + before, need - before, err);
        gmlp__fp_leave(fp);
        if (result != GMLP_OK) {
            gmlp_net_free(&n);
            return result;
        }
    }
    *net = n;
    return GMLP_OK;
}

/* v / 65536 to the nearest whole number, for v within 2^25. */
static int32_t gmlp__round16(int32_t v) { return (int32_t)((uint32_t)(v + 0x2008000) >> 16) - 512; }

/* The R'G'B' of sYCC codes, in codes: whole numbers, on which two decoders agree. */
static void gmlp__sycc_rgb(const uint8_t *codes, int32_t rgb[3]) {
    const int32_t y = codes[0], b = codes[1] - 128, r = codes[2] - 128;
    rgb[0] = y + gmlp__round16(91881 * r);
    rgb[1] = y - gmlp__round16(22554 * b + 46802 * r);
    rgb[2] = y + gmlp__round16(116130 * b);
}

static int32_t gmlp__clip_code(int32_t v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

/* Signature: mean luma of an 8x8 grid. Sums are whole numbers, so the order does not matter. */
GMLP_DEF gmlp_result gmlp_signature_begin(gmlp_signature *s, uint32_t width, uint32_t height) {
    if (!s) return GMLP_E_ARGUMENT;
    memset(s, 0, sizeof *s);
    if (width - 1 >= GMLP_MAX_SIZE || height - 1 >= GMLP_MAX_SIZE) return GMLP_E_ARGUMENT;
    s->width = width;
    s->height = height;
    s->kernels = gmlp__select(GMLP_ISA_AUTO);
    return GMLP_OK;
}

/* Codes of a base, whatever space they are said to be in. */
static int gmlp__codes_ok(const gmlp_image *base) {
    return gmlp__check_pixels(base) == GMLP_OK && base->type == GMLP_U8 && !base->plane_stride;
}

/* Pixels x up to end of a row of sYCC codes, all in cell k. run: the sums of R'G'B' in the one that goes on. */
enum { GMLP__RUN = 16, GMLP__OUTSIDE = 8, GMLP__FAR_OUTSIDE = 12, GMLP__FEW_RUNS = 4 };
static void gmlp__sign_sycc(gmlp_signature *s, const uint8_t *codes, size_t channels, size_t x, size_t end, size_t k,
                            int32_t run[3]) {
    for (; x < end; x++) {
        int32_t rgb[3], beyond = 0, off, c;
        gmlp__sycc_rgb(codes + x * channels, rgb);
        for (c = 0; c < 3; c++) {
            s->sum[k] += (uint32_t)(gmlp__luma[0][c] * gmlp__clip_code(rgb[c]));
            run[c] += rgb[c];
        }
        if ((x + 1) % GMLP__RUN) continue;
        for (c = 0; c < 3; c++) {
            off = run[c] < 0 ? -run[c] : run[c] - 255 * GMLP__RUN;
            if (off > beyond) beyond = off;
            run[c] = 0;
        }
        s->runs[k]++;
        s->outside[k] += beyond > GMLP__OUTSIDE * GMLP__RUN;
#ifndef GMLP_DECODE_ONLY
        s->far_outside[k] += beyond > GMLP__FAR_OUTSIDE * GMLP__RUN;
#endif
    }
}

GMLP_DEF gmlp_result gmlp_signature_rows(gmlp_signature *s, const gmlp_image *rows, uint32_t y) {
    size_t channels, cell, x, end, k;
    uint32_t i;
    if (!s || !s->kernels || !gmlp__codes_ok(rows) || rows->width != s->width || y > s->height ||
        rows->height > s->height - y)
        return GMLP_E_ARGUMENT;
    channels = rows->channels == 4 ? 4 : 3;
    for (i = 0; i < rows->height; i++) {
        const uint8_t *row = gmlp__row(rows, i);
        int32_t run[3] = {0, 0, 0};
        if (rows->space == GMLP_SYCC && (y + i) % (1 + s->height / 256)) continue;
        for (cell = 0, x = 0; cell < 8; cell++, x = end) { /* at most 8192 pixels */
            end = ((cell + 1) * s->width + 7) / 8;
            k = (size_t)((uint64_t)(y + i) * 8 / s->height) * 8 + cell;
            s->count[k] += end - x;
            if (rows->space == GMLP_SYCC) gmlp__sign_sycc(s, row, channels, x, end, k, run);
            else s->sum[k] += s->kernels->sum_codes(row + x * channels, (int)channels, end - x);
        }
    }
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_signature_finish(const gmlp_signature *s, uint8_t out[GMLP_SIGNATURE_SIZE]) {
    int i;
    if (!s || !s->kernels || !out) return GMLP_E_ARGUMENT;
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++)
        out[i] = (uint8_t)(s->count[i] ? (s->sum[i] + s->count[i] * 128) / (s->count[i] * 256) : 0);
    return GMLP_OK;
}

/* The limits lie between what was measured on 13 photographs of 1000 and 160 pixels: recompression at quality
   90 to 95, with and without chroma subsampling, twice over, moved no cell by more than 2 nor all by
   more than 40 together; turns, flips, a crop of 3 % scaled back and a shift of 2 % moved one
   by 5 and all by 118 at least. At 40 pixels recompression comes to 5 and 98. */
GMLP_DEF int gmlp_signature_match(const uint8_t a[GMLP_SIGNATURE_SIZE], const uint8_t b[GMLP_SIGNATURE_SIZE]) {
    int i, d, max = 0, sum = 0;
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++) {
        d = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
        sum += d;
        if (d > max) max = d;
    }
    return max <= 4 && sum <= 80;
}

/* The bytes of GMLP_SECTION_OUTSIDE, the first there can be; NULL: there are none, or not so many. */
enum { GMLP__OUTSIDE_SIZE = GMLP_SIGNATURE_SIZE / 2 };
static const uint8_t *gmlp__outside_section(const gmlp_net *net) {
    const uint8_t *const p = net->sections;
    return net->section_bytes && p[0] == GMLP_SECTION_OUTSIDE && p[1] == GMLP__OUTSIDE_SIZE ? p + 2 : NULL;
}

/* Of a picture of the right size. outside may be NULL. */
static gmlp_result gmlp__verdict(const gmlp_signature *s, const uint8_t signature[GMLP_SIGNATURE_SIZE],
                                 const uint8_t *outside) {
    uint8_t out[GMLP_SIGNATURE_SIZE];
    uint64_t said = 0, found = 0; /* runs; the first in 2^16ths */
    int i;
    gmlp_signature_finish(s, out);
    if (!gmlp_signature_match(signature, out)) return GMLP_E_OTHER_PICTURE;
    for (i = 0; outside && i < GMLP_SIGNATURE_SIZE; i++) {
        const int k = outside[i / 2] >> i % 2 * 4 & 15;
        if (k) said += (uint64_t)s->runs[i] << k;
        found += s->outside[i];
    }
    said >>= 16;
    return said >= GMLP__FEW_RUNS && 4 * found < 3 * said ? GMLP_E_CLIPPED : GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_net_verdict(const gmlp_net *net, const gmlp_signature *s) {
    if (!net || !s || !s->kernels) return GMLP_E_ARGUMENT;
    if (net->method == GMLP_METHOD_NONE) return GMLP_OK;
    if (net->base_width != s->width || net->base_height != s->height) return GMLP_E_MISMATCH;
    return gmlp__verdict(s, net->signature, gmlp__outside_section(net));
}

GMLP_DEF int gmlp_net_matches(const gmlp_net *net, const gmlp_signature *s) {
    const gmlp_result verdict = gmlp_net_verdict(net, s);
    return verdict == GMLP_OK || verdict == GMLP_E_CLIPPED;
}

GMLP_DEF gmlp_result gmlp_net_check(const gmlp_net *net, const gmlp_image *base) {
    gmlp_signature s;
    if (!net || !gmlp__codes_ok(base)) return GMLP_E_ARGUMENT;
    if ((net->base_space == GMLP_SYCC) != (base->space == GMLP_SYCC)) return GMLP_E_BASE_SPACE;
    if (net->method == GMLP_METHOD_NONE) return GMLP_OK;
    if (base->width != net->base_width || base->height != net->base_height) return GMLP_E_MISMATCH;
    gmlp_signature_begin(&s, base->width, base->height);
    gmlp_signature_rows(&s, base, 0);
    return gmlp_net_verdict(net, &s);
}

#ifndef GMLP_DECODE_ONLY
/* Writing. */

static uint8_t *gmlp__put_le(uint8_t *p, uint32_t v, size_t n) {
    while (n--) {
        *p++ = (uint8_t)(v & 255);
        v >>= 8;
    }
    return p;
}

static uint8_t *gmlp__put_float(uint8_t *p, float v) {
    uint32_t u;
    memcpy(&u, &v, 4);
    return gmlp__put_le(p, u, 4);
}

/* Bytes of a net's blob. The net is valid. */
static size_t gmlp__blob_bytes(const gmlp_net *net) {
    gmlp__coder c;
    if (net->weight_format != GMLP_WEIGHTS_QUANTIZED)
        return gmlp__blob_before(net) + gmlp__floats_size(net) + GMLP__BLOB_CRC;
    gmlp__coder_init(&c, 0, NULL, NULL, 0);
    gmlp__coder_weights(&c, net);
    return gmlp__blob_before(net) + 12 + c.at + GMLP__BLOB_CRC;
}

/* The step of a layer relative to its weights' root mean square. An error in W3 shows directly, and it has
   few weights, so it gets smaller ones; the figures were tried, not derived. */
static const double gmlp__step_share[3] = {1.0, 1.0, 0.3};

/* Sets the steps to size times the layers' own. */
static void gmlp__steps_set(gmlp_net *net, double size) {
    gmlp__layer l[3];
    double sum;
    size_t i;
    int k;
    gmlp__layers(&net->mlp, l);
    for (k = 0; k < 3; k++) {
        for (i = 0, sum = 0.0; i < l[k].in * l[k].out; i++)
            sum += (double)net->weights[l[k].w + i] * (double)net->weights[l[k].w + i]; /* exact product */
        sum = gmlp__sqrt(sum / (double)(l[k].in * l[k].out) + 1e-30);
        net->step_size[k] = (float)gmlp__dmul(gmlp__dmul(sum, gmlp__step_share[k]), size);
    }
}

/* Rounds the weights to their layers' steps. */
static void gmlp__steps_round(gmlp_net *net) {
    gmlp__layer l[3];
    double v;
    size_t i;
    int k;
    gmlp__layers(&net->mlp, l);
    for (k = 0; k < 3; k++)
        for (i = 0; i < (l[k].in + 1) * l[k].out; i++) {
            v = (double)net->weights[l[k].w + i] / (double)net->step_size[k];
            v = v < (double)GMLP__LARGEST ? v > -(double)GMLP__LARGEST ? v : -(double)GMLP__LARGEST
                                          : (double)GMLP__LARGEST; /* NaN, too */
            net->weights[l[k].w + i] = (float)gmlp__nearest(v) * net->step_size[k];
        }
}

/* The smallest steps, out of some, with which the net's blob keeps to budget; the weights stay. */
static void gmlp__steps_choose(gmlp_net *net, float *scratch, uint32_t budget) {
    const size_t size = gmlp__weights(&net->mlp) * sizeof(float);
    double low = 1.0 / 64, high = 4.0, middle; /* the finest is enough for anything, the coarsest is next to nothing */
    int i;
    memcpy(scratch, net->weights, size);
    for (i = 0, middle = low; i < 10; i++, middle = gmlp__sqrt(gmlp__dmul(low, high))) {
        gmlp__steps_set(net, middle);
        gmlp__steps_round(net);
        if (gmlp__blob_bytes(net) <= budget) high = middle;
        else low = middle;
        memcpy(net->weights, scratch, size);
        if (high <= low) break;
    }
    gmlp__steps_set(net, high);
}

/* 1 if the weights are what a blob can hold. */
static int gmlp__weights_ok(const gmlp_net *net) {
    gmlp__layer l[3];
    const float zero = 0.0f;
    size_t i;
    int k, q;
    gmlp__layers(&net->mlp, l);
    for (k = 0; k < 3; k++) {
        const float *w = net->weights + l[k].w;
        if (net->weight_format == GMLP_WEIGHTS_QUANTIZED && !gmlp__step_ok(net->step_size[k])) return 0;
        for (i = 0; i < gmlp__layer_count(&l[k]); i++)
            if (!gmlp__weight_ok(w[i]) ||
                (net->weight_format == GMLP_WEIGHTS_QUANTIZED && !gmlp__multiple(w[i], net->step_size[k], &q)))
                return 0;
        for (; i < (l[k].in + 1) * l[k].out; i++)
            if (memcmp(&w[i], &zero, sizeof zero)) return 0;
    }
    return 1;
}

GMLP_DEF gmlp_result gmlp_net_section_set(gmlp_net *net, int kind, const void *bytes, size_t size) {
    size_t at, end, add = bytes ? size + 2 : 0;
    if (!net || kind < 1 || kind > 255 || size > 255 || net->section_bytes > GMLP_MAX_SECTIONS ||
        gmlp__sections_pass(net, 256) != net->section_bytes)
        return GMLP_E_ARGUMENT;
    at = gmlp__sections_pass(net, kind);
    end = gmlp__sections_pass(net, kind + 1);
    if (net->section_bytes - (end - at) + add > GMLP_MAX_SECTIONS) return GMLP_E_ARGUMENT;
    memmove(net->sections + at + add, net->sections + end, net->section_bytes - end);
    net->section_bytes = (uint32_t)(net->section_bytes - (end - at) + add);
    if (!bytes) return GMLP_OK;
    net->sections[at] = (uint8_t)kind;
    net->sections[at + 1] = (uint8_t)size;
    memcpy(net->sections + at + 2, bytes, size);
    return GMLP_OK;
}

GMLP_DEF size_t gmlp_blob_size(const gmlp_net *net) {
    gmlp__fp_state fp;
    size_t size;
    if (!net || gmlp__net_check(net, NULL) != GMLP_OK) return 0;
    if (net->method == GMLP_METHOD_NONE) return GMLP__BLOB_HEAD + GMLP__BLOB_CRC;
    if (!net->weights) return 0;
    fp = gmlp__fp_enter(); /* a number times its step is rounded */
    size = gmlp__weights_ok(net) ? gmlp__blob_bytes(net) : 0;
    gmlp__fp_leave(fp);
    return size;
}

static void gmlp__weights_write(const gmlp_net *net, uint8_t *p) {
    const gmlp__fp_state fp = gmlp__fp_enter();
    gmlp__layer l[3];
    gmlp__coder c;
    size_t i;
    int k;
    if (net->weight_format == GMLP_WEIGHTS_QUANTIZED) {
        for (k = 0; k < 3; k++) p = gmlp__put_float(p, net->step_size[k]);
        gmlp__coder_init(&c, 0, p, NULL, 0);
        gmlp__coder_weights(&c, net);
    } else {
        gmlp__layers(&net->mlp, l);
        for (k = 0; k < 3; k++)
            for (i = 0; i < gmlp__layer_count(&l[k]); i++) p = gmlp__put_float(p, net->weights[l[k].w + i]);
    }
    gmlp__fp_leave(fp);
}

GMLP_DEF gmlp_result gmlp_net_shrink(gmlp_net *net, size_t budget) {
    const size_t size = gmlp_blob_size(net);
    uint8_t landmarks[255];
    size_t landmark_bytes, bytes;
    const uint8_t *p;
    gmlp_net next;
    float *kept;
    gmlp__fp_state fp;
    if (!size) return GMLP_E_ARGUMENT;
    if (size <= budget) return GMLP_OK;
    if (net->method == GMLP_METHOD_NONE) return GMLP_E_ARGUMENT;
    bytes = gmlp__weights(&net->mlp) * sizeof *kept;
    kept = (float *)gmlp__alloc(&net->alloc, 2 * bytes);
    if (!kept) return GMLP_E_MEMORY;
    next = *net;
    next.weights = kept + bytes / sizeof *kept;
    next.weight_format = GMLP_WEIGHTS_QUANTIZED;
    memcpy(next.weights, net->weights, bytes);
    p = gmlp_net_section(net, GMLP_SECTION_LANDMARKS, &landmark_bytes);
    if (p) memcpy(landmarks, p, landmark_bytes);
    fp = gmlp__fp_enter();
    gmlp__sections_fit(&next, budget, landmarks, (uint32_t)(landmark_bytes / GMLP__LANDMARK_BYTES));
    gmlp__steps_choose(&next, kept, budget < GMLP_MAX_BLOB ? (uint32_t)budget : GMLP_MAX_BLOB);
    gmlp__steps_round(&next);
    if (gmlp__blob_bytes(&next) <= budget && gmlp__weights_ok(&next)) {
        memcpy(net->weights, next.weights, bytes);
        next.weights = net->weights;
        *net = next;
    }
    gmlp__fp_leave(fp);
    gmlp__free(&net->alloc, kept, 2 * bytes);
    return gmlp_blob_size(net) <= budget ? GMLP_OK : GMLP_E_ARGUMENT;
}

GMLP_DEF gmlp_result gmlp_blob_write(const gmlp_net *net, void *bytes, size_t capacity, size_t *size) {
    const size_t need = gmlp_blob_size(net);
    const int with_sections = net && net->section_bytes && net->method != GMLP_METHOD_NONE;
    uint8_t *p = (uint8_t *)bytes;
    gmlp_net copy;
    int i;
    if (size) *size = bytes || capacity < need ? need : 0;
    if (!need || !size) return GMLP_E_ARGUMENT;
    if (capacity < need) return GMLP_E_BUFFER;
    if (!bytes) return GMLP_E_ARGUMENT;
    memset(p, 0, need);
    memcpy(p, "GMLP", 4);
    p[4] = with_sections ? GMLP__BLOB_VERSION : GMLP__BLOB_PLAIN;
    p += 5;
    for (i = 0; i < (net->method == GMLP_METHOD_NONE ? GMLP__HEAD_FIELDS : GMLP__FIELDS); i++) {
        uint32_t v;
        memcpy(&v, (const unsigned char *)net + gmlp__fields[i].at, sizeof v);
        p = gmlp__put_le(p, v, gmlp__fields[i].bytes);
    }
    if (net->method != GMLP_METHOD_NONE) {
        for (i = 0; i < GMLP_INPUTS; i++) *p++ = net->mlp.frequencies[i];
        for (i = 0; i < GMLP_WINDOWS; i++) *p++ = net->radius[i];
        memcpy(p, net->signature, GMLP_SIGNATURE_SIZE);
        p += GMLP_SIGNATURE_SIZE;
        copy = *net;
        for (i = 0; i < gmlp__method_of(net->method)->family->numbers; i++)
            p = gmlp__put_float(p, *gmlp__number(&copy, i));
        if (with_sections) p = gmlp__put_le(p, net->section_bytes, 2);
        memcpy(p, net->sections, net->section_bytes);
        p += net->section_bytes;
        gmlp__weights_write(net, p);
    }
    gmlp__put_le((uint8_t *)bytes + need - GMLP__BLOB_CRC,
                 gmlp__crc32(0, (const uint8_t *)bytes, need - GMLP__BLOB_CRC), GMLP__BLOB_CRC);
    return GMLP_OK;
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>decode: base picture + network -> wide gamut
*/

/* What views are checked against. */
typedef struct gmlp__frame {
    uint32_t width, height; /* of the picture in the file */
    uint32_t x, columns;    /* those that can be decoded */
    uint32_t halo;          /* pixels around a pixel that the network reads */
    int network, type;      /* is there one; of what is written */
    int sycc;               /* base has sYCC codes */
} gmlp__frame;

/* With code inputs and ReLU the network is a gmlp__fixed, whose tables hold the products of one input's features with
   its rows of W1. The others are computed as in training. */
struct gmlp_decoder {
    gmlp_alloc alloc;            /* of scratch that the caller does not give */
    void *owned;                 /* the memory from it that this block is in; NULL: the caller's */
    size_t size;                 /* of this whole block */
    const gmlp__kernels *kernels;
    gmlp__conversion convert;    /* what pixels get that are not for the network */
    unsigned char *tables;       /* of conversion, domain and coded */
    size_t tables_size;
    gmlp__shape shape;
    gmlp_mlp mlp;
    gmlp_coords coords;
    gmlp__frame frame;
    uint32_t trained[2];         /* rows, columns of the trained picture */
    int method, network, inputs, mask, clip_margin, space, base_space;
    gmlp__domain domain;
    gmlp__storer coded;          /* for values that are the codes to write */
    size_t windows;              /* that the network gets means of; */
    uint8_t radius[GMLP_WINDOWS]; /* theirs, in the file's picture */
    uint8_t signature[GMLP_SIGNATURE_SIZE], outside[GMLP__OUTSIDE_SIZE]; /* all 0: none */
    int leaves;                  /* what is written is not light in the wide space: to_out is not the identity */
    float to_wide[9], to_out[9];
    float *block, *transposes;
    int fixed_point;             /* fixed has the network */
    const float *place_bias[2];  /* b1 for what a column (0) or a row (1) gives to it; NULL for the other */
    gmlp__fixed fixed;
    double factor[GMLP_MAX_WIDTH]; /* of the first layer's neurons in it */
};

/* Every input is held in the encoding's range, whatever a hostile blob makes of it; NaN goes to its lower end. */
static float gmlp__input(float m) { return m >= 4.0f ? 4.0f : m > -4.0f ? m : -4.0f; }

/* The network coordinates of a file column or row: which input it drives, and its value. */
static float gmlp__place(const gmlp_decoder *d, int vertical, uint32_t i) {
    const int row_input = vertical != d->coords.transpose; /* 1: it moves along rows of the trained picture */
    const double at = row_input ? (double)d->coords.row + gmlp__dmul((double)d->coords.row_step, (double)i)
                                : (double)d->coords.col + gmlp__dmul((double)d->coords.col_step, (double)i);
    return gmlp__input(gmlp__coordinate(at, d->trained[row_input ? 0 : 1]));
}

#define GMLP__BATCH 8u

/* out[n][wide] = init + the product of input i's features at m[n] with its rows of W1; n up to GMLP__BATCH. */
static void gmlp__input_products(const gmlp_decoder *d, size_t i, const float *m, size_t n, const float *init,
                                 float *out) {
    enum { ROW = 2 * GMLP_MAX_FREQUENCIES + 16 };
    float f[(GMLP__BATCH + GMLP__SLACK) * ROW];
    size_t first = 0, j;
    for (j = 0; j < i; j++) first += 2 * (size_t)d->mlp.frequencies[j];
    for (j = 0; j < n && d->mlp.frequencies[i]; j++) d->kernels->encode(m[j], d->mlp.frequencies[i], f + j * ROW);
    memset(f + n * ROW, 0, GMLP__SLACK * ROW * sizeof *f);
    /* a single row: the kernel reads, and ignores, the same one again */
    gmlp__product(d->kernels, f, n > 1 ? ROW : 0, 1, d->block + first * d->shape.wide, d->shape.wide, out,
                  d->shape.wide, n, 2 * (size_t)d->mlp.frequencies[i], d->shape.wide, init, NULL, GMLP__GEMM_SET);
}

/* To the nearest whole number up to limit; NaN to 0. The half is looked up: signs are random, and of branches on them
   every other one would be guessed wrong. */
static int32_t gmlp__whole(double v, double limit) {
    static const double half[2] = {0.5, -0.5};
    return v >= limit ? (int32_t)limit : v <= -limit ? (int32_t)-limit : v == v ? (int32_t)(v + half[v < 0.0]) : 0;
}

/* A word of two 16-bit numbers. */
static int32_t gmlp__pair(double low, double high) {
    return (int32_t)((uint32_t)gmlp__whole(high, 32767.0) << 16 | ((uint32_t)gmlp__whole(low, 32767.0) & 0xffffu));
}

/* Some entries of a table: what input i at m[n], added to init, gives to the first layer. Neurons past width are 0. */
static void gmlp__fixed_entries(const gmlp_decoder *d, size_t i, const float *m, size_t n, const float *init,
                                int32_t *entry) {
    float h[(GMLP__BATCH + GMLP__SLACK) * GMLP_MAX_WIDTH];
    size_t j, k;
    gmlp__input_products(d, i, m, n, init, h);
    for (k = 0; k < n; k++, entry += d->fixed.pairs)
        for (j = 0; j < d->fixed.pairs; j++) {
            const float *const two = h + k * d->shape.wide + 2 * j;
            entry[j] = gmlp__pair(gmlp__dmul((double)two[0], d->factor[2 * j]),
                                  gmlp__dmul((double)two[1], d->factor[2 * j + 1]));
        }
}

/* Least and most of sums, to see how large they can get. */
typedef struct gmlp__range {
    double least, most;
} gmlp__range;

static void gmlp__range_add(gmlp__range *r, double least, double most) {
    r->least += least;
    r->most += most;
}

/* The factor that brings both ends within room, but no weight with its factor beyond 16 bits. */
static double gmlp__range_factor(const gmlp__range *r, double room, double weight) {
    const double most_away = r->most > -r->least ? r->most : -r->least, factor = room / most_away,
                 most = 32767.0 / weight;
    return !(most_away > 1e-30) ? 0.0 : factor < most ? factor : most;
}

static const double gmlp__fixed_room = 2147483647.0 - 8388608.0; /* of the layers behind the first */

/* How far roundings can put a sum over n neurons off, in its units: their errors times the weights, and the weights'
   roundings times what they can be. What stays below 0 is 0 in both. */
static double gmlp__fixed_error(const double *scaled, double all, size_t n, const gmlp__range *in, const double *factor,
                                const double *error) {
    double sum = 0.0;
    size_t k;
    for (k = 0; k < n; k++) {
        const double most = gmlp__dmul(in[k].most, factor[k]), late = most < 0.0 ? error[k] + most : error[k];
        const double weight = gmlp__dmul(scaled[k], all), whole = (double)gmlp__whole(weight, 32767.0),
                     off = weight - whole;
        sum += gmlp__dmul(whole < 0.0 ? -whole : whole, late > 0.0 ? late : 0.0) +
               gmlp__dmul(off < 0.0 ? -off : off, most > 0.0 ? most : 0.0);
    }
    return sum + 1.0; /* the bias */
}

/* The factor of bias + a sum over n neurons with these errors, how far it can get, its own error and its weights over
   the neurons' factors. The room that sums have beside what they can be is enough for the roundings of most networks;
   others get more. */
static double gmlp__fixed_sum(const float *w, size_t step, size_t n, const gmlp__range *in, const double *factor,
                              const double *errors, double bias, gmlp__range *range, double *scaled, double *reach,
                              double *error) {
    double weight = 0.0, all;
    size_t k;
    range->least = range->most = bias;
    for (k = 0; k < n; k++) {
        const double v = (double)w[k * step], most = in[k].most > 0.0 ? gmlp__dmul(v, in[k].most) : 0.0;
        gmlp__range_add(range, most < 0.0 ? most : 0.0, most > 0.0 ? most : 0.0);
        scaled[k] = factor[k] > 0.0 ? v / factor[k] : 0.0;
        if (scaled[k] > weight || -scaled[k] > weight) weight = scaled[k] > 0.0 ? scaled[k] : -scaled[k];
    }
    all = gmlp__range_factor(range, gmlp__fixed_room, weight);
    *reach = gmlp__dmul(range->most > -range->least ? range->most : -range->least, all);
    *error = gmlp__fixed_error(scaled, all, n, in, factor, errors);
    if (*reach + *error > 2147483647.0 - 65536.0) { /* 65536: the half that layer 2 adds, with room to spare */
        /* the weights are rounded anew: half a unit of up to 128 times 2^15 */
        const double less = gmlp__fixed_room / (*reach + *error);
        all = gmlp__dmul(all, less);
        *reach = gmlp__dmul(*reach, less);
        *error = gmlp__fixed_error(scaled, all, n, in, factor, errors);
    }
    return all;
}

static size_t gmlp__fixed_words(const gmlp_net *net, uint32_t columns) {
    const size_t pairs = (size_t)net->mlp.width / 2;
    return ((size_t)columns + (gmlp__inputs(net->radius) - 2) * 256) * pairs + 2 * pairs * pairs + 2 * pairs +
           3 * pairs + 16;
}

/* Fills d->fixed, over gmlp__fixed_words of memory. No weights let a sum of whole numbers leave its bits: in the first
   layer they are off by half a unit for each of up to 11 terms, in the others by gmlp__fixed_error. 0 if an output
   could be off by more than a 32nd of its range (in trained networks it is a 300th): then the network is for float. */
static int gmlp__fixed_init(gmlp_decoder *d, int32_t *memory) {
    gmlp__fixed *f = &d->fixed;
    const gmlp__shape *s = &d->shape;
    const size_t width = s->width, inputs = 5 + 3 * d->windows, pairs = width / 2;
    const double room1 = 32767.0 - 8.0;
    gmlp__range first[GMLP_MAX_WIDTH], second[GMLP_MAX_WIDTH], third;
    double factor[GMLP_MAX_WIDTH], scaled[GMLP_MAX_WIDTH], errors[GMLP_MAX_WIDTH], errors2[GMLP_MAX_WIDTH], reach,
        error;
    float h[(GMLP__BATCH + GMLP__SLACK) * GMLP_MAX_WIDTH], m[GMLP__BATCH];
    int32_t *p = memory;
    int close = 1;
    size_t i, j, k, c, n, feature = 0;
    f->pairs = pairs;
    f->windows = (int)d->windows;
    /* the first layer: a sine and a cosine reach at most the larger weight and half of the smaller one; tables are
       known */
    for (j = 0; j < width; j++) first[j].least = first[j].most = (double)d->block[s->b1 + j];
    for (i = 0; i < 2; i++)
        for (k = 0; k < d->mlp.frequencies[i]; k++, feature += 2)
            for (j = 0; j < width; j++) {
                const double u = (double)d->block[feature * s->wide + j],
                             v = (double)d->block[(feature + 1) * s->wide + j];
                const double x = u < 0.0 ? -u : u, y = v < 0.0 ? -v : v, most = x > y ? x + 0.5 * y : y + 0.5 * x;
                gmlp__range_add(&first[j], -most, most);
            }
    for (i = 2; i < inputs; i++) {
        gmlp__range table[GMLP_MAX_WIDTH];
        for (k = 0; k < 256; k += GMLP__BATCH) {
            for (c = 0; c < GMLP__BATCH; c++) m[c] = gmlp__code_input(d->inputs, k + c);
            gmlp__input_products(d, i, m, GMLP__BATCH, NULL, h);
            for (c = 0; c < GMLP__BATCH; c++)
                for (j = 0; j < width; j++) {
                    const double v = (double)h[c * s->wide + j];
                    if (!(k + c) || v < table[j].least) table[j].least = v;
                    if (!(k + c) || v > table[j].most) table[j].most = v;
                }
        }
        for (j = 0; j < width; j++) gmlp__range_add(&first[j], table[j].least, table[j].most);
    }
    for (j = 0; j < width; j++) {
        d->factor[j] = gmlp__range_factor(&first[j], room1, 0.0);
        errors[j] = 0.5 * (double)inputs + 0.5; /* the row's float product is not exact, too */
    }
    f->columns = p;
    for (j = 0; j < d->frame.columns; j += n, p += n * pairs) {
        n = d->frame.columns - j < GMLP__BATCH ? d->frame.columns - j : GMLP__BATCH;
        for (c = 0; c < n; c++) m[c] = gmlp__place(d, 0, d->frame.x + (uint32_t)(j + c));
        gmlp__fixed_entries(d, (size_t)(1 - d->coords.transpose), m, n, d->place_bias[0], p);
    }
    f->codes = p;
    for (i = 2; i < inputs; i++)
        for (k = 0; k < 256; k += GMLP__BATCH, p += GMLP__BATCH * pairs) {
            for (c = 0; c < GMLP__BATCH; c++) m[c] = gmlp__code_input(d->inputs, k + c);
            gmlp__fixed_entries(d, i, m, GMLP__BATCH, NULL, p);
        }
    /* the second */
    f->w2 = p;
    f->b2 = p + 2 * pairs * pairs;
    for (j = 0; j < width; j++) {
        const double bias = (double)d->block[s->b2 + j];
        const double all = gmlp__fixed_sum(d->block + s->w2 + j, s->wide, width, first, d->factor, errors, bias,
                                           &second[j], scaled, &reach, &error);
        for (k = 0; k < pairs; k++)
            p[j / 8 * 8 * pairs + 8 * k + j % 8] = gmlp__pair(gmlp__dmul(scaled[2 * k], all),
                                                              gmlp__dmul(scaled[2 * k + 1], all));
        p[2 * pairs * pairs + j] = gmlp__whole(gmlp__dmul(bias, all), gmlp__fixed_room) + 32768;
        factor[j] = all / 65536.0;
        errors2[j] = error / 65536.0 + 0.5;
    }
    p += 2 * pairs * pairs + 2 * pairs;
    /* the third */
    f->w3 = p;
    for (c = 0; c < 3; c++) {
        const double all = gmlp__fixed_sum(d->block + s->w3 + c * s->wide, 1, width, second, factor, errors2, 0.0,
                                           &third, scaled, &reach, &error);
        for (k = 0; k < pairs; k++)
            p[3 * k + c] = gmlp__pair(gmlp__dmul(scaled[2 * k], all), gmlp__dmul(scaled[2 * k + 1], all));
        f->scale[c] = all > 1e-30 ? (float)(1.0 / all) : 0.0f; /* below: hostile weights */
        f->bias[c] = d->block[s->b3 + c];
        close &= reach == 0.0 || error <= reach / 32.0;
    }
    return close;
}

static int gmlp__outside(uint32_t at, uint32_t n, uint32_t all) { return at > all || n > all - at; }

static gmlp__frame gmlp__frame_of(const gmlp_net *net, int type) {
    gmlp__frame f;
    f.width = f.columns = net->base_width;
    f.height = net->base_height;
    f.x = 0;
    f.halo = gmlp_net_halo(net);
    f.network = net->method != GMLP_METHOD_NONE;
    f.type = type;
    f.sycc = net->base_space == GMLP_SYCC;
    return f;
}

/* What a decoder will be, and the memory that it takes. */
typedef struct gmlp__plan {
    const gmlp__kernels *kernels;
    gmlp__frame frame;
    gmlp__shape shape;
    int space, base_space;
    gmlp__output output;
    size_t tables, words, size; /* bytes, 32-bit words, bytes */
} gmlp__plan;

/* Can a net, which may be made by hand, be decoded with these options? */
static int gmlp__decodable(const gmlp_net *net, const gmlp_decoder_opts *opts) {
    if (net->method == GMLP_METHOD_NONE)
        return gmlp__space_of(net->wide_space) && (net->adaptation == GMLP_BRADFORD || net->adaptation == GMLP_CAT02);
    return gmlp__net_check(net, NULL) == GMLP_OK && opts->headroom >= 0.0;
}

static gmlp_result gmlp__plan_of(const gmlp_net *net, int type, int space, const gmlp_decoder_opts *opts,
                                 gmlp__plan *plan) {
    const gmlp__method *method;
    if (!net) return GMLP_E_ARGUMENT;
    memset(plan, 0, sizeof *plan);
    plan->kernels = gmlp__select(opts->isa);
    plan->space = space == GMLP_SPACE_NONE ? net->wide_space : space;
    method = gmlp__method_of(net->method);
    plan->output.alpha = opts->alpha;
    plan->output.clamp_negative = opts->clamp_negative;
    plan->output.scale = opts->scale;
    plan->output.white_nits = opts->white_nits == 0.0 ? (double)net->white_nits : opts->white_nits;
    plan->output.primaries = opts->primaries;
    if (!plan->kernels || !gmlp_pixel_size(type, 0) || !gmlp__space_of(plan->space) || plan->space == GMLP_SYCC ||
        !method || !gmlp__decodable(net, opts) || !gmlp__output_ok(&plan->output, plan->space))
        return GMLP_E_ARGUMENT;
    plan->frame = gmlp__frame_of(net, type);
    if (opts->width) {
        plan->frame.x = opts->x;
        plan->frame.columns = opts->width;
        if (plan->frame.network && gmlp__outside(opts->x, opts->width, net->base_width)) return GMLP_E_OUT_VIEW;
    }
    plan->base_space = plan->frame.network || plan->frame.sycc ? net->base_space : GMLP_SRGB;
    plan->tables = gmlp__conversion_bytes(GMLP_U8, plan->base_space, type, plan->space) + gmlp__domain_bytes(net) +
                   gmlp__storer_bytes(type, GMLP_REC2020_LINEAR);
    if (plan->frame.network) {
        gmlp__shape_of(&net->mlp, &plan->shape);
        if (net->inputs != GMLP_INPUT_WIDE && net->mlp.activation == GMLP_RELU)
            plan->words = gmlp__fixed_words(net, plan->frame.columns);
    }
    plan->size = sizeof(gmlp_decoder) + plan->tables + plan->words * sizeof(int32_t) + 64 +
                 (plan->shape.count + gmlp__transposes_count(&plan->shape)) * sizeof(float);
    return GMLP_OK;
}

/* How pixels are read and written, with the network and without. */
static void gmlp__decoder_open(gmlp_decoder *d, const gmlp__plan *plan, const gmlp_net *net,
                               const gmlp_decoder_opts *opts, unsigned char *tables) {
    const int type = plan->frame.type;
    double m[9];
    int i;
    gmlp__float_matrix(plan->base_space, net->wide_space, net->adaptation, d->to_wide);
    gmlp__output_matrix(net->wide_space, plan->space, net->adaptation, &plan->output, m);
    for (i = 0; i < 9; i++) {
        d->to_out[i] = (float)m[i];
        d->leaves |= m[i] != (i % 4 ? 0.0 : 1.0);
    }
    gmlp__conversion_init(&d->convert, GMLP_U8, plan->base_space, type, plan->space, net->adaptation, &plan->output,
                          d->kernels, tables);
    tables += gmlp__conversion_bytes(GMLP_U8, plan->base_space, type, plan->space);
    gmlp__domain_open(&d->domain, net, opts->headroom, d->kernels, tables);
    gmlp__storer_init(&d->coded, type, GMLP_REC2020_LINEAR, &plan->output, d->kernels,
                      tables + gmlp__domain_bytes(net));
    if (d->domain.method->family->direct)
        d->domain.direct = !d->leaves && d->domain.weight == 1.0 &&
                           d->domain.method->family->direct(net, plan->space, plan->output.white_nits);
}

/* The weights into the decoder's own memory; the map's scale goes into the last layer. */
static void gmlp__decoder_weights(gmlp_decoder *d, const gmlp_net *net, float *block, size_t words) {
    const gmlp__shape *shape = &d->shape;
    const gmlp__scale *scale = &d->domain.scale;
    float *end = block + shape->count + gmlp__transposes_count(shape);
    size_t j;
    d->block = block;
    d->transposes = block + shape->count;
    memset(block, 0, (size_t)(end - block) * sizeof(float)); /* what pads layers is 0 */
    gmlp__pack(shape, net->weights, block);
    for (j = shape->w3; j < shape->b3; j++) block[j] *= scale->map_range;
    for (j = 0; j < 3; j++) /* exact product: safe to fuse */
        block[shape->b3 + j] = (float)((double)block[shape->b3 + j] * (double)scale->map_range +
                                       (double)scale->map_mean);
    gmlp__transpose(shape, block, d->transposes);
    d->place_bias[net->section_bytes ? 1 - net->coords.transpose : 1] = block + shape->b1; /* as its version has it */
    if (words) /* a row a cache line */
        d->fixed_point = gmlp__fixed_init(d, (int32_t *)(void *)(end + (64 - (uintptr_t)end % 64) % 64 / 4));
}

/* Any address to one that a decoder, or its scratch, can be at. */
#define GMLP__ALIGN 64u
static void *gmlp__aligned(void *p) {
    return (unsigned char *)p + (GMLP__ALIGN - (uintptr_t)p % GMLP__ALIGN) % GMLP__ALIGN;
}

/* d: plan->size bytes */
static void gmlp__decoder_make(gmlp_decoder *d, const gmlp__plan *plan, const gmlp_net *net,
                               const gmlp_decoder_opts *opts) {
    unsigned char *const tables = (unsigned char *)(d + 1);
    const uint8_t *const outside = gmlp__outside_section(net);
    const gmlp__fp_state fp = gmlp__fp_enter();
    memset(d, 0, sizeof *d);
    d->alloc = opts->alloc;
    d->size = plan->size;
    d->kernels = plan->kernels;
    d->shape = plan->shape;
    d->mlp = net->mlp;
    d->coords = net->coords;
    d->frame = plan->frame;
    d->space = plan->space;
    d->base_space = plan->base_space;
    d->trained[0] = net->height;
    d->trained[1] = net->width;
    d->method = net->method;
    d->network = plan->frame.network;
    d->inputs = net->inputs;
    d->mask = net->mask;
    d->clip_margin = net->clip_margin;
    d->windows = gmlp__window_count(net->radius);
    gmlp__radii_of(net, d->radius);
    memcpy(d->signature, net->signature, sizeof d->signature);
    if (outside) memcpy(d->outside, outside, sizeof d->outside);
    gmlp__decoder_open(d, plan, net, opts, tables);
    if (d->network) gmlp__decoder_weights(d, net, (float *)(void *)(tables + plan->tables), plan->words);
    gmlp__fp_leave(fp);
}

GMLP_DEF gmlp_result gmlp_decoder_size(const gmlp_net *net, int type, int space, const gmlp_decoder_opts *opts,
                                       size_t *bytes) {
    gmlp_decoder_opts none;
    gmlp__plan plan;
    gmlp_result result;
    if (!bytes) return GMLP_E_ARGUMENT;
    memset(&none, 0, sizeof none);
    result = gmlp__plan_of(net, type, space, opts ? opts : &none, &plan);
    *bytes = result ? 0 : plan.size + GMLP__ALIGN - 1;
    return result;
}

GMLP_DEF gmlp_result gmlp_decoder_init(void *memory, size_t size, const gmlp_net *net, int type, int space,
                                       const gmlp_decoder_opts *opts, gmlp_decoder **decoder) {
    gmlp_decoder_opts none;
    gmlp__plan plan;
    gmlp_result result;
    if (!decoder) return GMLP_E_ARGUMENT;
    *decoder = NULL;
    memset(&none, 0, sizeof none);
    if (!opts) opts = &none;
    result = memory ? gmlp__plan_of(net, type, space, opts, &plan) : GMLP_E_ARGUMENT;
    if (!result && plan.frame.network && !net->weights) result = GMLP_E_ARGUMENT;
    if (result) return result;
    if (size < plan.size + GMLP__ALIGN - 1) return GMLP_E_BUFFER;
    *decoder = (gmlp_decoder *)gmlp__aligned(memory);
    gmlp__decoder_make(*decoder, &plan, net, opts);
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_decoder_create(const gmlp_net *net, int type, int space, const gmlp_decoder_opts *opts,
                                         gmlp_decoder **decoder) {
    const gmlp_alloc *alloc = opts ? &opts->alloc : NULL;
    size_t size;
    void *memory;
    gmlp_result result = decoder ? gmlp_decoder_size(net, type, space, opts, &size) : GMLP_E_ARGUMENT;
    if (decoder) *decoder = NULL;
    if (result) return result;
    memory = gmlp__alloc(alloc, size);
    if (!memory) return GMLP_E_MEMORY;
    result = gmlp_decoder_init(memory, size, net, type, space, opts, decoder);
    if (result) gmlp__free(alloc, memory, size);
    else (*decoder)->owned = memory;
    return result;
}

GMLP_DEF void gmlp_decoder_free(gmlp_decoder *decoder) {
    gmlp_alloc alloc;
    if (!decoder || !decoder->owned) return;
    alloc = decoder->alloc;
    gmlp__free(&alloc, decoder->owned, decoder->size + GMLP__ALIGN - 1);
}

/* So many rows are decoded at a time, in strips of up to so many columns, one strip after the other: then work has a
   limit. */
#define GMLP__BLOCK 64u
#define GMLP__STRIP 4096u

/* What decoding works in: of a strip's rows, and of a chunk of pixels for the network. */
typedef struct gmlp__work {
    gmlp__conversion convert;               /* with the views' channels */
    gmlp__loader packed_loader;             /* of codes */
    gmlp__storer storer;
    float chunk[3][GMLP__CHUNK], kept[3][GMLP__CHUNK], map[3][GMLP__CHUNK];
    int32_t means[GMLP_WINDOWS][2 * GMLP__CHUNK];
    uint32_t column[GMLP__CHUNK];
    unsigned char codes[GMLP__CHUNK * 3], packed[GMLP__CHUNK * 6];
    float *plane[3], *alpha;                /* of a strip */
    uint32_t *index;                        /* its pixels that are for the network */
    int32_t *rows;                          /* fixed point: what a row's place and b1 give to the first layer */
    uint32_t ready;                         /* bit i: batch i of them is there */
    int32_t *h;                             /* fixed point: the first layer of a chunk */
    gmlp__pass p;                           /* otherwise */
    gmlp__windows windows;
    void *sums;
} gmlp__work;

/* Bytes of work for rectangles of n columns; with w, lays it out. */
static size_t gmlp__work_size(const gmlp_decoder *d, size_t n, gmlp__work *w) {
    const size_t strip = GMLP__PAD(n < GMLP__STRIP ? n : GMLP__STRIP);
    const size_t rows = GMLP__CHUNK + GMLP__SLACK, layer = rows * d->shape.wide;
    const size_t lines = d->fixed_point ? GMLP__BLOCK * d->fixed.pairs + 16 : 0;
    const size_t h = d->fixed_point ? GMLP__CHUNK * d->fixed.pairs + 16 : 0;
    /* 16: encode writes past its last */
    const size_t floats = d->fixed_point || !d->network ? 0 : 2 * layer + rows * 16 + rows * d->shape.row + 16;
    size_t c;
    if (w) {
        float *at = (float *)(void *)(w + 1);
        for (c = 0; c < 3; c++, at += strip) w->plane[c] = at;
        w->alpha = at;
        w->index = (uint32_t *)(void *)(at + strip);
        w->rows = (int32_t *)(w->index + strip);
        w->h = w->rows + lines;
        w->p.h1 = (float *)(void *)(w->h + h);
        w->p.h2 = w->p.h1 + layer;
        w->p.out = w->p.h2 + layer;
        w->p.f = w->p.out + rows * 16;
        w->sums = w->p.h1 + floats;
        memset(w->h, 0, (h + floats) * sizeof(float));
    }
    return sizeof *w + (5 * strip + lines + h + floats) * sizeof(float) +
           gmlp__windows_size(d->radius, strip, 4);
}

GMLP_DEF size_t gmlp_decoder_scratch_size(const gmlp_decoder *decoder, uint32_t width) {
    if (!decoder) return 0;
    return gmlp__work_size(decoder, width ? width : GMLP_MAX_SIZE, NULL) + GMLP__ALIGN - 1;
}

GMLP_DEF void gmlp_decoder_info(const gmlp_decoder *decoder, gmlp_decoder_desc *out) {
    if (!out) return;
    memset(out, 0, sizeof *out);
    if (!decoder) return;
    out->width = decoder->frame.width;
    out->height = decoder->frame.height;
    out->x = decoder->frame.x;
    out->columns = decoder->frame.columns;
    out->halo = decoder->frame.halo;
    out->method = decoder->method;
    out->type = decoder->frame.type;
    out->space = decoder->space;
    out->whole_numbers = decoder->fixed_point;
    out->bytes = decoder->size + GMLP__ALIGN - 1;
    out->scratch = gmlp_decoder_scratch_size(decoder, decoder->frame.columns);
}

/* A rectangle to decode, and the part of the base that is there; both with their places in the picture. */
typedef struct gmlp__view {
    const gmlp_decoder *decoder;
    const gmlp_image *base, *out; /* out: NULL with a sink */
    uint32_t base_x, base_y, x, y, width, height;
    uint32_t ring;                /* not 0: base has row y of the picture as its row y % ring */
    gmlp_sink sink;
    void *user;
} gmlp__view;

/* Outputs of the network, w->map, for n pixels at index in row y, by the decoder's arithmetic or by the trainer's. */
static void gmlp__apply_network(const gmlp_decoder *d, gmlp__work *w, const int32_t *line, uint32_t y,
                                const uint32_t *index, size_t n, float *const *plane) {
    const gmlp__kernels *k = d->kernels;
    const uint32_t x = w->windows.x;
    int32_t *const means[GMLP_WINDOWS] = {w->means[0], w->means[1]};
    float *const map[3] = {w->map[0], w->map[1], w->map[2]};
    size_t j, c;
    gmlp__windows_means(&w->windows, y, index, n, means);
    if (d->fixed_point) {
        const size_t padded = (n + 31) & ~(size_t)31;
        for (j = 0; j < n; j++) w->column[j] = x + index[j] - d->frame.x;
        k->look_up(&d->fixed, line, w->column, w->codes, (const int32_t *const *)means, n, w->h);
        memset(w->h + n * d->fixed.pairs, 0, (padded - n) * d->fixed.pairs * sizeof *w->h);
        k->finish(&d->fixed, w->h, padded, map);
        return;
    }
    for (j = 0; j < n; j++) {
        float in[GMLP_INPUTS] = {0};
        in[d->coords.transpose] = gmlp__place(d, 1, y);
        in[1 - d->coords.transpose] = gmlp__place(d, 0, x + index[j]);
        for (c = 0; c < 3; c++) {
            if (d->inputs != GMLP_INPUT_WIDE) in[2 + c] = gmlp__code_input(d->inputs, w->codes[3 * j + c]);
            else in[2 + c] = gmlp__input((plane[c][j] - d->domain.scale.input_mean) / d->domain.scale.input_range);
        }
        for (c = 0; c < 3 * d->windows; c++) {
            uint16_t four[4];
            memcpy(four, means[c / 3] + 2 * j, 8);
            in[5 + c] = gmlp__code_input(d->inputs, four[c % 3]);
        }
        gmlp__encode(k, d->mlp.frequencies, in, w->p.f + j * d->shape.row);
    }
    gmlp__forward(k, &d->shape, d->block, d->transposes, &w->p, n, 0);
    for (j = 0; j < n; j++)
        for (c = 0; c < 3; c++) map[c][j] = w->p.out[16 * j + c];
    for (; j < GMLP__PAD(n); j++) map[0][j] = map[1][j] = map[2][j] = 0.0f;
}

/* The count pixels at w->index, of a row of n, to light (or codes) in w->plane, or to 16-bit pixels in row if that is
   given. line: the row's, of w->rows. */
static void gmlp__apply(const gmlp_decoder *d, gmlp__work *w, const int32_t *line, const unsigned char *base,
                        size_t channels, uint32_t y, size_t count, size_t n, unsigned char *row) {
    const gmlp__kernels *k = d->kernels;
    const gmlp__family *family = d->domain.method->family;
    float *const kept[3] = {w->kept[0], w->kept[1], w->kept[2]}, *const map[3] = {w->map[0], w->map[1], w->map[2]};
    size_t i, j, c, m;
    for (i = 0; i < count; i += m) {
        const uint32_t *index = w->index + i;
        float *planes[3];
        m = count - i < GMLP__CHUNK ? count - i : GMLP__CHUNK;
        for (j = 0; j < m; j++) memcpy(w->codes + 3 * j, base + index[j] * channels, 3);
        memset(w->codes + 3 * m, 0, 3 * (GMLP__PAD(m) - m));
        for (c = 0; c < 3; c++) planes[c] = count == n ? w->plane[c] + i : w->chunk[c];
        gmlp__load_portion(&w->packed_loader, w->codes, 0, m, planes[0], planes[1], planes[2], NULL);
        k->matrix(d->to_wide, planes[0], planes[1], planes[2], planes[0], planes[1], planes[2], GMLP__PAD(m));
        if (family->base) family->base(&d->domain, planes, kept, GMLP__PAD(m));
        gmlp__apply_network(d, w, line, y, index, m, planes);
        gmlp__domain_undo(&d->domain, map, planes, m);
        if (family->light && !d->domain.direct) family->light(&d->domain, planes, kept, GMLP__PAD(m));
        if (d->leaves)
            k->matrix(d->to_out, planes[0], planes[1], planes[2], planes[0], planes[1], planes[2], GMLP__PAD(m));
        if (row) {
            gmlp__store_portion(&w->storer, planes[0], planes[1], planes[2], NULL, m, w->packed, 0);
            for (j = 0; j < m; j++) memcpy(row + 6 * index[j], w->packed + 6 * j, 6);
        }
        for (c = 0; c < 3 && count != n && !row; c++)
            for (j = 0; j < m; j++) w->plane[c][index[j]] = planes[c][j];
    }
}

/* Row y of the picture, from column x on. */
static const unsigned char *gmlp__view_codes(const gmlp__view *v, uint32_t x, uint32_t y) {
    return gmlp__row(v->base, v->ring ? y % v->ring : y - v->base_y) +
           (x - v->base_x) * (size_t)(v->base->channels == 4 ? 4 : 3);
}

/* What n pixels are without a network: planes of light to be written. tones: sYCC's R'G'B' are there already. */
static void gmlp__base_light(const gmlp__conversion *v, const unsigned char *codes, size_t n, int tones,
                             float *const plane[3]) {
    const size_t step = (size_t)v->loader.channels, whole = n & ~(size_t)15;
    unsigned char rest[16 * 4] = {0};
    const gmlp__kernels *k = v->loader.kernels;
    size_t i, m;
    for (i = 0; !v->shares && i < n; i += m) { /* sYCC: no sums of light */
        float *const r = plane[0] + i, *const g = plane[1] + i, *const b = plane[2] + i, *const at[3] = {r, g, b};
        m = n - i < GMLP__PORTION ? n - i : GMLP__PORTION;
        if (!tones) gmlp__load_portion(&v->loader, codes + i * step, 0, m, r, g, b, NULL);
        else gmlp__curve_planes(k, v->loader.curve, (const float *const *)at, at, GMLP__PAD(m), 2);
        if (v->mixes) k->matrix(v->matrix, r, g, b, r, g, b, GMLP__PAD(m));
    }
    if (!v->shares) return;
    if (whole) k->mix8(codes, step, v->shares, plane[0], plane[1], plane[2], whole);
    if (whole == n) return;
    memcpy(rest, codes + whole * step, (n - whole) * step);
    k->mix8(rest, step, v->shares, plane[0] + whole, plane[1] + whole, plane[2] + whole, 16);
}

/* Row r of the block that begins at y, as the first layer has it. */
static const int32_t *gmlp__line(const gmlp_decoder *d, gmlp__work *w, uint32_t y, uint32_t r) {
    const uint32_t first = r & ~(GMLP__BATCH - 1), bit = 1u << r / GMLP__BATCH;
    float place[GMLP__BATCH];
    uint32_t i;
    if (d->fixed_point && !(w->ready & bit)) {
        for (i = 0; i < GMLP__BATCH; i++) place[i] = gmlp__place(d, 1, y + first + i);
        gmlp__fixed_entries(d, (size_t)d->coords.transpose, place, GMLP__BATCH, d->place_bias[1],
                            w->rows + first * d->fixed.pairs);
        w->ready |= bit;
    }
    return w->rows + r * d->fixed.pairs;
}

/* n columns from x on of row r of the block that begins at y. Nonzero: the sink stops. */
GMLP__NOINLINE int gmlp__decode_strip(const gmlp__view *v, gmlp__work *w, uint32_t x, uint32_t block, uint32_t r,
                                      size_t n) {
    const gmlp_decoder *d = v->decoder;
    const gmlp__storer *s = &w->storer;
    const uint32_t y = block + r;
    const size_t channels = (size_t)w->convert.loader.channels;
    const unsigned char *codes = gmlp__view_codes(v, x, y);
    const float *alpha = channels == 4 && (v->sink || (s->channels == 4 && s->alpha == GMLP_ALPHA_SOURCE)) ? w->alpha
                                                                                                          : NULL;
    float *const *const planes = w->plane;
    const ptrdiff_t plane = v->sink ? (ptrdiff_t)(w->plane[1] - w->plane[0]) * 4 : v->out->plane_stride; /* in place */
    const size_t step = gmlp__step(s->type, s->channels, plane);
    unsigned char *const row = v->sink ? (unsigned char *)w->plane[0] : gmlp__row(v->out, y - v->y) + (x - v->x) * step;
    size_t count = 0, i, m;
    if (d->network && d->mask == GMLP_MASK_SATURATED)
        count = gmlp__saturated_row(&w->convert.loader, codes, n, d->clip_margin, w->index, planes);
    else if (d->network) count = n;
    if (count < n && w->convert.recodes && s->channels == 3 && !plane) { /* the fast way to 16 bits */
        gmlp__recode(&w->convert, codes, row, n);
        if (count) gmlp__apply(d, w, gmlp__line(d, w, block, r), codes, channels, y, count, n, row);
        return 0;
    }
    if (count < n)
        gmlp__base_light(&w->convert, codes, n, d->network && d->mask == GMLP_MASK_SATURATED && d->frame.sycc, planes);
    if (count) gmlp__apply(d, w, gmlp__line(d, w, block, r), codes, channels, y, count, n, NULL);
    for (i = 0; alpha && i < n; i++) w->alpha[i] = (float)codes[4 * i + 3] * (1.0f / 255.0f);
    for (i = 0; i < n; i += m) {
        m = n - i < GMLP__PORTION ? n - i : GMLP__PORTION;
        gmlp__store_portion(s, planes[0] + i, planes[1] + i, planes[2] + i, alpha && !v->sink ? alpha + i : NULL, m,
                            row + i * step, plane);
    }
    if (v->sink) {
        gmlp_span span;
        span.x = x;
        span.y = y;
        span.n = (uint32_t)n;
        span.r = w->plane[0];
        span.g = w->plane[1];
        span.b = w->plane[2];
        span.a = alpha;
        return v->sink(v->user, &span);
    }
    return 0;
}

/* Some rows, from y on. */
static int gmlp__decode_block(const gmlp__view *v, gmlp__work *w, uint32_t y, uint32_t rows) {
    const gmlp_decoder *d = v->decoder;
    uint32_t at, n, r;
    w->ready = 0;
    for (at = 0; at < v->width; at += n) {
        n = v->width - at < GMLP__STRIP ? v->width - at : GMLP__STRIP;
        gmlp__windows_init(&w->windows, d->kernels, d->radius, v->base, v->x + at, n, w->sums);
        w->windows.count = d->windows;
        w->windows.width = d->frame.width;
        w->windows.height = d->frame.height;
        w->windows.base_x = v->base_x;
        w->windows.base_y = v->base_y;
        w->windows.ring = v->ring;
        for (r = 0; r < rows; r++)
            if (gmlp__decode_strip(v, w, v->x + at, y, r, n)) return 1;
    }
    return 0;
}

/* Rows first..last-1 of the rectangle. */
static gmlp_result gmlp__decode_rows(const gmlp__view *v, uint32_t first, uint32_t last, void *scratch) {
    const gmlp_decoder *d = v->decoder;
    gmlp__work *w = (gmlp__work *)gmlp__aligned(scratch);
    uint32_t i, n;
    gmlp__work_size(d, v->width, w);
    w->convert = d->convert;
    w->convert.loader.channels = v->base->channels == 4 ? 4 : 3;
    w->packed_loader = d->convert.loader;
    w->packed_loader.channels = 3;
    w->storer = d->domain.direct ? d->coded : d->convert.storer;
    w->storer.channels = v->sink ? 3 : gmlp__channels(v->out->type, v->out->channels);
    if (d->mask == GMLP_MASK_ALL)
        for (i = 0; i < v->width && i < GMLP__STRIP; i++) w->index[i] = i;
    for (; first < last; first += n) {
        n = last - first < GMLP__BLOCK ? last - first : GMLP__BLOCK;
        if (gmlp__decode_block(v, w, v->y + first, n)) return GMLP_E_CANCELLED;
    }
    return GMLP_OK;
}

GMLP_DEF uint32_t gmlp_net_halo(const gmlp_net *net) {
    uint8_t radius[GMLP_WINDOWS];
    return net ? gmlp__radii_of(net, radius) : 0;
}

/* Does the base hold the columns (rows) that those from..from+n-1 need? */
static int gmlp__surrounded(uint32_t base_from, uint32_t base_n, uint32_t from, uint32_t n, uint32_t halo,
                            uint32_t all) {
    const uint64_t begin = from > halo ? from - halo : 0, end = (uint64_t)from + n + halo;
    return base_from <= begin && (uint64_t)base_from + base_n >= (end < all ? end : all);
}

/* Are base's pixels to be had? */
static gmlp_result gmlp__check_base(const gmlp__frame *f, const gmlp__view *v) {
    const gmlp_image *base = v->base;
    if (!gmlp__codes_ok(base)) return GMLP_E_ARGUMENT;
    if (f->sycc != (base->space == GMLP_SYCC)) return GMLP_E_BASE_SPACE;
    if (f->network && (gmlp__outside(v->base_x, base->width, f->width) ||
                       (!v->ring && gmlp__outside(v->base_y, base->height, f->height))))
        return GMLP_E_BASE_VIEW;
    return GMLP_OK;
}

/* Is the view's rectangle to be had from its base? */
static gmlp_result gmlp__check_rectangle(const gmlp__frame *f, const gmlp__view *v) {
    const gmlp_image *base = v->base;
    if (!v->width || !v->height) return GMLP_E_ARGUMENT;
    if (!gmlp__surrounded(v->base_x, base->width, v->x, v->width, 0, 0xffffffffu) ||
        (!v->ring && !gmlp__surrounded(v->base_y, base->height, v->y, v->height, 0, 0xffffffffu)) ||
        (f->network && (v->x < f->x || gmlp__outside(v->x - f->x, v->width, f->columns))))
        return GMLP_E_OUT_VIEW;
    if (f->network && (!gmlp__surrounded(v->base_x, base->width, v->x, v->width, f->halo, f->width) ||
                       (!v->ring && !gmlp__surrounded(v->base_y, base->height, v->y, v->height, f->halo, f->height))))
        return GMLP_E_HALO;
    return GMLP_OK;
}

/* Takes the view's size from out. */
static gmlp_result gmlp__check_view(const gmlp__frame *f, gmlp__view *v) {
    gmlp_result result = gmlp__check_base(f, v);
    if (result) return result;
    if (gmlp__check_pixels(v->out) || v->out->type != f->type || v->out->data == v->base->data) return GMLP_E_ARGUMENT;
    v->width = v->out->width;
    v->height = v->out->height;
    return gmlp__check_rectangle(f, v);
}

/* Decodes a view that has been checked, on this thread. */
static gmlp_result gmlp__decode_view(const gmlp__view *v, void *scratch) {
    const size_t size = gmlp_decoder_scratch_size(v->decoder, v->width);
    void *memory = scratch ? scratch : gmlp__alloc(&v->decoder->alloc, size);
    const gmlp__fp_state fp = gmlp__fp_enter();
    gmlp_result result = memory ? gmlp__decode_rows(v, 0, v->height, memory) : GMLP_E_MEMORY;
    gmlp__fp_leave(fp);
    if (!scratch) gmlp__free(&v->decoder->alloc, memory, size);
    return result;
}

/* All but where it goes to. */
static void gmlp__view_begin(gmlp__view *v, const gmlp_decoder *decoder, const gmlp_image *base, uint32_t base_x,
                             uint32_t base_y, uint32_t x, uint32_t y) {
    memset(v, 0, sizeof *v);
    v->decoder = decoder;
    v->base = base;
    v->base_x = base_x;
    v->base_y = base_y;
    v->x = x;
    v->y = y;
}

GMLP_DEF gmlp_result gmlp_decoder_rows(const gmlp_decoder *decoder, const gmlp_image *base, uint32_t base_x,
                                       uint32_t base_y, const gmlp_image *out, uint32_t x, uint32_t y, void *scratch) {
    gmlp__view v;
    gmlp_result result;
    if (!decoder) return GMLP_E_ARGUMENT;
    gmlp__view_begin(&v, decoder, base, base_x, base_y, x, y);
    v.out = out;
    result = gmlp__check_view(&decoder->frame, &v);
    return result ? result : gmlp__decode_view(&v, scratch);
}

GMLP_DEF gmlp_result gmlp_decoder_sink(const gmlp_decoder *decoder, const gmlp_image *base, uint32_t base_x,
                                       uint32_t base_y, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                                       gmlp_sink sink, void *user, void *scratch) {
    gmlp__view v;
    gmlp_result result;
    if (!decoder || decoder->frame.type != GMLP_F32 || !sink) return GMLP_E_ARGUMENT;
    gmlp__view_begin(&v, decoder, base, base_x, base_y, x, y);
    v.width = width;
    v.height = height;
    v.sink = sink;
    v.user = user;
    result = gmlp__check_base(&decoder->frame, &v);
    if (!result) result = gmlp__check_rectangle(&decoder->frame, &v);
    return result ? result : gmlp__decode_view(&v, scratch);
}

typedef struct gmlp__decode_job {
    gmlp__view view;
    size_t count, scratch_size;
    unsigned char *scratch;
} gmlp__decode_job;

static void gmlp__decode_band(void *ctx, size_t job) {
    const gmlp__decode_job *j = (const gmlp__decode_job *)ctx;
    const uint64_t height = j->view.height;
    gmlp__decode_rows(&j->view, (uint32_t)(height * job / j->count), (uint32_t)(height * (job + 1) / j->count),
                      j->scratch + job * j->scratch_size);
}

/* >>device */
static gmlp_result gmlp__decode_there(const gmlp_device *device, const gmlp_decoder *decoder, const gmlp_image *base,
                                      const gmlp_image *out, const gmlp_decode_opts *o);

GMLP_DEF gmlp_result gmlp_decode(const gmlp_net *net, const gmlp_image *base, const gmlp_image *out,
                                 const gmlp_decode_opts *opts) {
    gmlp_decode_opts o;
    gmlp_decoder *decoder;
    gmlp__decode_job job;
    gmlp__frame frame;
    gmlp_result result;
    int space;
    if (!base || !out || !net) return GMLP_E_ARGUMENT;
    space = net->method == GMLP_METHOD_NONE && net->base_space != GMLP_SYCC ? GMLP_SRGB : net->base_space;
    if (base->space != space) return GMLP_E_BASE_SPACE;
    memset(&o, 0, sizeof o);
    if (opts) o = *opts;
    frame = gmlp__frame_of(net, out->type);
    if (!opts && frame.network && (base->width != frame.width || base->height != frame.height)) return GMLP_E_MISMATCH;
    memset(&job, 0, sizeof job);
    job.view.base = base;
    job.view.out = out;
    job.view.base_x = o.base_x;
    job.view.base_y = o.base_y;
    job.view.x = o.decoder.x = o.x;
    job.view.y = o.y;
    o.decoder.width = out->width;
    result = gmlp__check_view(&frame, &job.view); /* before tables are made */
    if (!result) result = gmlp_decoder_create(net, out->type, out->space, &o.decoder, &decoder);
    if (result) return result;
    if (o.device) {
        result = gmlp__decode_there(o.device, decoder, base, out, &o);
        gmlp_decoder_free(decoder);
        return result;
    }
    job.view.decoder = decoder;
    job.count = !o.threads.parallel_for ? 1 : out->height < GMLP__BANDS ? out->height : GMLP__BANDS;
    job.scratch_size = gmlp_decoder_scratch_size(decoder, out->width);
    job.scratch = (unsigned char *)gmlp__alloc(&o.decoder.alloc, job.count * job.scratch_size);
    if (job.scratch) gmlp__run(&o.threads, gmlp__decode_band, &job, job.count);
    else result = GMLP_E_MEMORY;
    /* checked: freed as it was taken; jobs do not change alloc */
    gmlp__free(&o.decoder.alloc, job.scratch, job.count * job.scratch_size);
    gmlp_decoder_free(decoder);
    return result;
}

/* The memory is a ring: row y of the picture lies in its row y % capacity. */
struct gmlp_stream {
    gmlp_alloc alloc;
    size_t size;                 /* of this whole block */
    const gmlp_decoder *decoder;
    gmlp_image ring;
    uint32_t filled, dropped;    /* rows of base that have come; decoded rows that are done with */
    gmlp_signature signature;
    void *scratch;
};

GMLP_DEF gmlp_result gmlp_stream_create(const gmlp_decoder *decoder, const gmlp_stream_opts *opts,
                                        gmlp_stream **stream) {
    const uint32_t channels = opts && opts->channels ? (uint32_t)opts->channels : 3u;
    size_t row, scratch, size;
    uint64_t rows;
    gmlp_stream *s;
    if (!stream) return GMLP_E_ARGUMENT;
    *stream = NULL;
    if (!decoder || (channels != 3 && channels != 4) || !decoder->frame.width || !decoder->frame.height)
        return GMLP_E_ARGUMENT; /* no size: a net of GMLP_METHOD_NONE, made by hand */
    rows = (uint64_t)(opts && opts->rows ? opts->rows : 16u) + 2u * decoder->frame.halo;
    if (rows > decoder->frame.height) rows = decoder->frame.height;
    row = (size_t)decoder->frame.width * channels;
    scratch = gmlp_decoder_scratch_size(decoder, decoder->frame.columns);
    if (rows > ((size_t)-1 / 2 - sizeof *s - scratch) / row) return GMLP_E_MEMORY;
    size = sizeof *s + scratch + (size_t)rows * row;
    s = (gmlp_stream *)gmlp__alloc(opts ? &opts->alloc : NULL, size);
    if (!s) return GMLP_E_MEMORY;
    memset(s, 0, sizeof *s);
    if (opts) s->alloc = opts->alloc;
    s->size = size;
    s->decoder = decoder;
    s->scratch = s + 1;
    s->ring.data = (unsigned char *)(s + 1) + scratch;
    s->ring.width = decoder->frame.width;
    s->ring.height = (uint32_t)rows;
    s->ring.stride = (ptrdiff_t)row; /* said, as gmlp_stream_space hands it out */
    s->ring.type = GMLP_U8;
    s->ring.channels = (int)channels;
    s->ring.space = decoder->base_space;
    gmlp_signature_begin(&s->signature, decoder->frame.width, decoder->frame.height);
    *stream = s;
    return GMLP_OK;
}

GMLP_DEF void gmlp_stream_free(gmlp_stream *stream) {
    gmlp_alloc alloc;
    if (!stream) return;
    alloc = stream->alloc;
    gmlp__free(&alloc, stream, stream->size);
}

/* The first row of base that is still read. */
static uint32_t gmlp__stream_top(const gmlp_stream *s) {
    const uint32_t halo = s->decoder->frame.halo;
    return s->dropped > halo ? s->dropped - halo : 0;
}

static uint32_t gmlp__stream_room(const gmlp_stream *s) {
    const uint32_t left = s->decoder->frame.height - s->filled,
                   room = s->ring.height - (s->filled - gmlp__stream_top(s));
    return room < left ? room : left;
}

GMLP_DEF gmlp_result gmlp_stream_space(const gmlp_stream *stream, gmlp_image *rows) {
    uint32_t at, wanted, room;
    if (!stream || !rows) return GMLP_E_ARGUMENT;
    wanted = rows->height;
    room = gmlp__stream_room(stream);
    at = stream->filled % stream->ring.height;
    *rows = stream->ring;
    rows->data = gmlp__row(&stream->ring, at);
    if (room > stream->ring.height - at) room = stream->ring.height - at;
    rows->height = wanted < room ? wanted : room;
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_stream_filled(gmlp_stream *stream, uint32_t n) {
    gmlp_image rows;
    if (!stream) return GMLP_E_ARGUMENT;
    rows.height = n;
    gmlp_stream_space(stream, &rows);
    if (rows.height < n) return GMLP_E_BUFFER;
    if (!n) return GMLP_OK;
    gmlp_signature_rows(&stream->signature, &rows, stream->filled);
    stream->filled += n;
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_stream_put(gmlp_stream *stream, const gmlp_image *rows) {
    gmlp_image part;
    uint32_t y, n;
    size_t row;
    if (!stream || !gmlp__codes_ok(rows) || rows->width != stream->ring.width ||
        (rows->channels == 4 ? 4 : 3) != stream->ring.channels)
        return GMLP_E_ARGUMENT;
    if ((rows->space == GMLP_SYCC) != (stream->ring.space == GMLP_SYCC)) return GMLP_E_BASE_SPACE;
    if (rows->height > stream->decoder->frame.height - stream->filled) return GMLP_E_BASE_VIEW;
    if (rows->height > gmlp__stream_room(stream)) return GMLP_E_BUFFER;
    row = (size_t)rows->width * (size_t)stream->ring.channels;
    for (y = 0; y < rows->height; y += part.height) {
        part.height = rows->height - y;
        gmlp_stream_space(stream, &part);
        for (n = 0; n < part.height; n++)
            memcpy((unsigned char *)part.data + n * row, gmlp__row(rows, y + n), row);
        gmlp_stream_filled(stream, part.height);
    }
    return GMLP_OK;
}

GMLP_DEF uint32_t gmlp_stream_ready(const gmlp_stream *stream) {
    uint32_t whole;
    if (!stream) return 0;
    whole = stream->filled;
    if (whole < stream->decoder->frame.height) /* the last ones lack what is around them */
        whole = whole > stream->decoder->frame.halo ? whole - stream->decoder->frame.halo : 0;
    return whole > stream->dropped ? whole - stream->dropped : 0;
}

GMLP_DEF gmlp_result gmlp_stream_rows(const gmlp_stream *stream, uint32_t y, const gmlp_image *out, void *scratch) {
    gmlp__view v;
    gmlp_result result;
    if (!stream) return GMLP_E_ARGUMENT;
    gmlp__view_begin(&v, stream->decoder, &stream->ring, 0, 0, stream->decoder->frame.x, y);
    v.ring = stream->ring.height;
    v.out = out;
    result = gmlp__check_view(&stream->decoder->frame, &v);
    if (!result && v.width != stream->decoder->frame.columns) result = GMLP_E_OUT_VIEW;
    return result ? result : gmlp__decode_view(&v, scratch);
}

GMLP_DEF gmlp_result gmlp_stream_drop(gmlp_stream *stream, uint32_t n) {
    if (!stream || n > gmlp_stream_ready(stream)) return GMLP_E_ARGUMENT;
    stream->dropped += n;
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_stream_take(gmlp_stream *stream, const gmlp_image *out) {
    gmlp_result result;
    if (!stream || !out) return GMLP_E_ARGUMENT;
    if (out->height > gmlp_stream_ready(stream)) return GMLP_E_OUT_VIEW;
    result = gmlp_stream_rows(stream, stream->dropped, out, stream->scratch);
    if (!result) stream->dropped += out->height;
    return result;
}

GMLP_DEF gmlp_result gmlp_stream_check(const gmlp_stream *stream) {
    if (!stream) return GMLP_E_ARGUMENT;
    if (stream->filled < stream->decoder->frame.height) return GMLP_E_TRUNCATED;
    if (!stream->decoder->network) return GMLP_OK;
    return gmlp__verdict(&stream->signature, stream->decoder->signature, stream->decoder->outside);
}

/* ---------------------------------------------------------------------------------------
   >>edits: what other programs did to the base
*/
enum {
    GMLP__LONG_SIDE = 512,     /* of the size that landmarks are looked for at */
    GMLP__PLACES = 4096,       /* steps along the long side in which a blob says where they are */
    GMLP__DETAIL = 15,         /* bits that tell one from another, */
    GMLP__DETAIL_OFF = 4,      /* how many may differ where one is expected, */
    GMLP__DETAIL_VOTE = 1,     /* and where it is not */
    GMLP__MARK_EDGE = 10,      /* pixels around a landmark that are looked at */
    GMLP__MARK_CELL = 32,      /* a square that gives its strongest ones */
    GMLP__MARK_SIZES = 9,      /* at most, that a picture is looked at in at once */
    GMLP__MARK_LEAST = 24,     /* strength, in 16ths of a code */
    GMLP__LEVEL_LEAST = 48,    /* pixels a side */
    GMLP__LANDMARKS_ENOUGH = 6 /* to find a transform by */
};

/* A base's luma in 16ths of a code, each the mean of step x step pixels, and sums of it in codes, of all above and to
   the left: sums[(w + 1) y + x] is that of x columns and y rows. */
typedef struct gmlp__sheet {
    uint32_t width, height; /* of the base */
    uint32_t step, w, h;
    uint16_t *luma;
    uint32_t *sums;
    gmlp_alloc alloc;
    void *memory;
    size_t size;
} gmlp__sheet;

static void gmlp__sheet_close(gmlp__sheet *s) { gmlp__free(&s->alloc, s->memory, s->size); }

/* The first width pixels of a row of sYCC codes as viewers show them: clipped sRGB codes. */
static const uint8_t *gmlp__shown_row(const gmlp_image *base, size_t width, const gmlp__kernels *k, const uint8_t *in,
                                      uint8_t *out) {
    const size_t channels = base->channels == 4 ? 4 : 3;
    float tone[3 * GMLP__PORTION];
    int32_t codes[3 * GMLP__PORTION];
    uint8_t packed[4 * GMLP__PORTION], shown[3 * GMLP__PORTION];
    size_t i, n;
    for (i = 0; i < width; i += n, in += n * channels) {
        n = width - i < GMLP__PORTION ? width - i : GMLP__PORTION;
        memset(packed, 0, sizeof packed);
        memcpy(packed, in, n * channels);
        k->from_ycc(packed, channels, tone, tone + GMLP__PORTION, tone + 2 * GMLP__PORTION, GMLP__PORTION);
        k->clamp(tone, tone, 3 * GMLP__PORTION, 1.0f);
        k->quantize(tone, 255.0f, 0.0f, codes, 3 * GMLP__PORTION);
        k->put8(codes, shown, GMLP__PORTION);
        memcpy(out + 3 * i, shown, 3 * n);
    }
    return out;
}

static gmlp_result gmlp__sheet_open(gmlp__sheet *s, const gmlp_image *base, const gmlp_alloc *alloc) {
    const uint32_t longer = base->width > base->height ? base->width : base->height,
                   channels = base->channels == 4 && base->space != GMLP_SYCC ? 4 : 3;
    const int sycc = base->space == GMLP_SYCC;
    size_t lumas, sums, row;
    const gmlp__kernels *const k = gmlp__select(GMLP_ISA_AUTO);
    uint32_t x, y, i, n;
    uint16_t *line;
    memset(s, 0, sizeof *s);
    if (alloc) s->alloc = *alloc;
    s->width = base->width;
    s->height = base->height;
    s->step = longer / 700 ? longer / 700 : 1;
    s->w = s->width / s->step;
    s->h = s->height / s->step;
    if (!s->w || !s->h) return GMLP_E_OTHER_PICTURE; /* a line */
    n = s->w * s->step * channels;
    lumas = (size_t)s->w * s->h;
    sums = ((size_t)s->w + 1) * (s->h + 1);
    row = ((size_t)n + 31) & ~(size_t)15;
    s->size = sums * sizeof *s->sums + lumas * sizeof *s->luma + row * (sizeof *line + (sycc ? 1 : 0));
    s->memory = gmlp__alloc(&s->alloc, s->size);
    if (!s->memory) return GMLP_E_MEMORY;
    s->sums = (uint32_t *)s->memory;
    s->luma = (uint16_t *)(s->sums + sums);
    line = s->luma + lumas;
    memset(s->sums, 0, sums * sizeof *s->sums);
    for (y = 0; y < s->h; y++) {
        uint16_t *const luma = s->luma + (size_t)y * s->w;
        const uint32_t *const above = s->sums + (size_t)y * (s->w + 1);
        uint32_t *const sum = s->sums + ((size_t)y + 1) * (s->w + 1);
        memset(line, 0, row * sizeof *line);
        for (i = 0; i < s->step; i++) {
            const uint8_t *codes = gmlp__row(base, y * s->step + i);
            if (sycc) codes = gmlp__shown_row(base, (size_t)s->w * s->step, k, codes, (uint8_t *)(line + row));
            k->add_codes(line, codes, NULL, n);
        }
        for (x = 0; x < s->w; x++) {
            const uint16_t *p = line + (size_t)x * s->step * channels;
            uint32_t c[3] = {0, 0, 0}; /* 93 * 93 * 255 * 256 has 30 bits */
            for (i = 0; i < s->step; i++, p += channels) {
                c[0] += p[0];
                c[1] += p[1];
                c[2] += p[2];
            }
            luma[x] = (uint16_t)((54 * c[0] + 183 * c[1] + 19 * c[2]) / (16 * s->step * s->step));
            sum[x + 1] = above[x + 1] + (sum[x] - above[x]) + ((luma[x] + 8u) >> 4);
        }
    }
    return GMLP_OK;
}

/* The sum of codes above and to the left of a place between pixels, linear within one. */
static double gmlp__sheet_sum(const gmlp__sheet *s, double x, double y) {
    const uint32_t *p;
    uint32_t i, j;
    double upper, lower;
    x = x > 0.0 ? x < (double)s->w ? x : (double)s->w : 0.0;
    y = y > 0.0 ? y < (double)s->h ? y : (double)s->h : 0.0;
    i = (uint32_t)x < s->w ? (uint32_t)x : s->w - 1;
    j = (uint32_t)y < s->h ? (uint32_t)y : s->h - 1;
    p = s->sums + (size_t)j * (s->w + 1) + i;
    upper = (double)p[0] + gmlp__dmul((double)p[1] - (double)p[0], x - (double)i);
    p += s->w + 1;
    lower = (double)p[0] + gmlp__dmul((double)p[1] - (double)p[0], x - (double)i);
    return upper + gmlp__dmul(lower - upper, y - (double)j);
}

/* The mean code in a rectangle of the base. */
static double gmlp__sheet_mean(const gmlp__sheet *s, const double from[2], const double to[2]) {
    const double step = (double)s->step, w = (double)s->w, h = (double)s->h, x0 = from[0] / step, y0 = from[1] / step,
                 x1 = to[0] / step < w ? to[0] / step : w, y1 = to[1] / step < h ? to[1] / step : h,
                 area = gmlp__dmul(x1 - x0, y1 - y0);
    return area > 0.0 ? (gmlp__sheet_sum(s, x1, y1) - gmlp__sheet_sum(s, x0, y1) - gmlp__sheet_sum(s, x1, y0) +
                         gmlp__sheet_sum(s, x0, y0)) / area
                      : 0.0;
}

/* A spot that stands out against its surroundings. */
typedef struct gmlp__mark {
    double x, y;      /* in the base, from its upper left corner: pixel 0 is 0..1 */
    int32_t strength; /* below 0: darker */
    uint32_t bits[8]; /* its detail in each orientation */
} gmlp__mark;

/* The base in another size, w x h, and the marks in it. */
typedef struct gmlp__level {
    const gmlp__sheet *sheet;
    uint32_t w, h, each, edge; /* each: marks that a cell gives; edge: pixels to every side without marks */
    uint32_t cells, count;
    gmlp__mark *marks;
    uint32_t *row, *sum; /* sheet->w + 1; w */
    uint16_t *plane[4];  /* w x h */
    uint16_t *line;      /* w */
} gmlp__level;

/* The resized sheet in plane[0]: means over areas. */
static void gmlp__level_resize(gmlp__level *l) {
    const gmlp__sheet *s = l->sheet;
    const uint64_t across = ((uint64_t)s->width << 16) / ((uint64_t)l->w * s->step),
                   down = ((uint64_t)s->height << 16) / ((uint64_t)l->h * s->step); /* sheet pixels, in 65536ths */
    const uint64_t per_column = ((uint64_t)1 << 40) / across, per_row = ((uint64_t)1 << 40) / down;
    uint64_t top = 0;
    uint32_t x, y, done = 0;
    for (y = 0; y < l->h; y++) {
        const uint64_t bottom = (y + 1) * down;
        uint16_t *const out = l->plane[0] + (size_t)y * l->w;
        memset(l->sum, 0, l->w * sizeof *l->sum);
        while (top < bottom) {
            const uint64_t next = ((top >> 16) + 1) << 16, end = next < bottom ? next : bottom;
            const uint32_t share = (uint32_t)((end - top) >> 8), at = (uint32_t)(top >> 16),
                           j = at < s->h ? at : s->h - 1;
            if (j >= done) {
                const uint16_t *const luma = s->luma + (size_t)j * s->w;
                uint32_t last = 0;
                l->row[0] = 0;
                for (x = 0; x < s->w; x++) l->row[x + 1] = l->row[x] + luma[x];
                for (x = 0; x < l->w; x++) { /* sums up to here, in 256ths; differences are right if they wrap */
                    const uint32_t to = (uint32_t)((x + 1) * across >> 8), i = to >> 8,
                                   now = i < s->w ? (l->row[i] << 8) + luma[i] * (to & 255u)
                                                  : (l->row[s->w] << 8) + luma[s->w - 1] * (to - (s->w << 8));
                    l->line[x] = (uint16_t)((uint64_t)(now - last) * per_column >> 28);
                    last = now;
                }
                done = j + 1;
            }
            for (x = 0; x < l->w; x++) l->sum[x] += l->line[x] * share;
            top = end;
        }
        for (x = 0; x < l->w; x++) out[x] = (uint16_t)(l->sum[x] * per_row >> 36);
    }
}

/* 1 4 6 4 1 along rows and columns, the taps being step pixels apart; the border repeats. scratch: as large. */
static void gmlp__level_blur(const gmlp__level *l, const uint16_t *in, uint16_t *out, uint16_t *scratch,
                             uint32_t step) {
    const uint32_t w = l->w, h = l->h, d = step;
    uint32_t x, y, k;
    for (y = 0; y < h; y++) {
        const uint16_t *GMLP__RESTRICT const p = in + (size_t)y * w;
        uint16_t *GMLP__RESTRICT const o = scratch + (size_t)y * w;
        for (x = 0; x < w; x++) {
            uint32_t a, b, c, e;
            if (x == 2 * d)
                for (; x + 2 * d + 16 <= w; x += 16)
                    for (k = x; k < x + 16; k++)
                        o[k] = (uint16_t)((p[k - 2 * d] + p[k + 2 * d] + 4u * (p[k - d] + p[k + d]) + 6u * p[k] + 8u) >>
                                          4);
            a = x < 2 * d ? 0 : x - 2 * d;
            b = x < d ? 0 : x - d;
            c = x + d < w ? x + d : w - 1;
            e = x + 2 * d < w ? x + 2 * d : w - 1;
            o[x] = (uint16_t)((p[a] + p[e] + 4u * (p[b] + p[c]) + 6u * p[x] + 8u) >> 4);
        }
    }
    for (y = 0; y < h; y++) {
        const uint16_t *GMLP__RESTRICT const a = scratch + (size_t)(y < 2 * d ? 0 : y - 2 * d) * w;
        const uint16_t *GMLP__RESTRICT const b = scratch + (size_t)(y < d ? 0 : y - d) * w;
        const uint16_t *GMLP__RESTRICT const m = scratch + (size_t)y * w;
        const uint16_t *GMLP__RESTRICT const c = scratch + (size_t)(y + d < h ? y + d : h - 1) * w;
        const uint16_t *GMLP__RESTRICT const e = scratch + (size_t)(y + 2 * d < h ? y + 2 * d : h - 1) * w;
        uint16_t *GMLP__RESTRICT const o = out + (size_t)y * w;
        for (x = 0; x + 16 <= w; x += 16)
            for (k = x; k < x + 16; k++) o[k] = (uint16_t)((a[k] + e[k] + 4u * (b[k] + c[k]) + 6u * m[k] + 8u) >> 4);
        for (; x < w; x++) o[x] = (uint16_t)((a[x] + e[x] + 4u * (b[x] + c[x]) + 6u * m[x] + 8u) >> 4);
    }
}

/* Orientations: an original's column is an edited picture's row (4) or column, counted from the other end (2) or not;
   the original's row likewise (1). */
enum { GMLP__TRANSPOSED = 4, GMLP__COLUMNS_BACK = 2, GMLP__ROWS_BACK = 1 };

/* The 24 samples around a mark, in the order that the original has them in, each compared with another one. */
static uint32_t gmlp__mark_bits(const uint16_t samples[25], int orientation) {
    uint32_t bits = 0;
    int i, k, n;
    uint16_t around[24];
    for (n = 0, i = 0; n < 25; n++) {
        const int u = orientation & GMLP__COLUMNS_BACK ? 4 - n % 5 : n % 5,
                  v = orientation & GMLP__ROWS_BACK ? 4 - n / 5 : n / 5;
        if (n != 12) around[i++] = samples[orientation & GMLP__TRANSPOSED ? 5 * u + v : 5 * v + u];
    }
    /* checked: 24 of 25 are set above */
    for (k = 0; k < GMLP__DETAIL; k++) bits |= (uint32_t)(around[k] > around[(k + 5) % 24]) << k;
    return bits;
}

/* Is there a mark at a pixel of the difference of two blurs? Then its place, in pixels of the level. */
static int gmlp__mark_at(const int16_t *p, ptrdiff_t w, uint32_t x, uint32_t y, gmlp__mark *mark) {
    const int32_t v = *p, sign = v < 0 ? -1 : 1, m = v * sign;
    int32_t xx, yy, xy4;
    int64_t trace, det16, right2, down2, to_right, to_bottom;
    if (m < GMLP__MARK_LEAST || sign * p[-1] > m || sign * p[1] >= m || sign * p[-w] > m || sign * p[w] >= m ||
        sign * p[-w - 1] > m || sign * p[1 - w] > m || sign * p[w - 1] >= m || sign * p[w + 1] >= m)
        return 0;
    /* a paraboloid's summit; its curvatures must not differ by more than a factor of 6, as along an edge */
    xx = p[-1] + p[1] - 2 * v;
    yy = p[-w] + p[w] - 2 * v;
    xy4 = p[w + 1] + p[-w - 1] - p[w - 1] - p[1 - w];
    trace = (int64_t)xx + yy;
    det16 = 16 * (int64_t)xx * yy - (int64_t)xy4 * xy4;
    if (det16 <= 0 || trace * trace * 16 * 6 > det16 * 49) return 0;
    right2 = p[1] - p[-1];
    down2 = p[w] - p[-w];
    to_right = -(right2 * yy * 4 - down2 * xy4) * 128 / det16; /* in 64ths */
    to_bottom = -(down2 * xx * 4 - right2 * xy4) * 128 / det16;
    if (to_right > 48 || to_right < -48 || to_bottom > 48 || to_bottom < -48) return 0;
    mark->x = (double)x + 0.5 + (double)to_right / 64.0;
    mark->y = (double)y + 0.5 + (double)to_bottom / 64.0;
    mark->strength = v;
    return 1;
}

static int32_t gmlp__away32(int32_t v) { return v < 0 ? -v : v; }

/* Finds the level's marks. */
static void gmlp__level_job(void *ctx, size_t index) {
    gmlp__level *const l = (gmlp__level *)ctx + index;
    const size_t pixels = (size_t)l->w * l->h;
    const uint32_t across = (l->w + GMLP__MARK_CELL - 1) / GMLP__MARK_CELL;
    int16_t *const difference = (int16_t *)(void *)l->plane[0];
    const double to_x = (double)l->sheet->width / (double)l->w, to_y = (double)l->sheet->height / (double)l->h;
    uint32_t x, y, i, j;
    gmlp__mark m;
    size_t k;
    gmlp__level_resize(l);
    gmlp__level_blur(l, l->plane[0], l->plane[1], l->plane[3], 1);
    gmlp__level_blur(l, l->plane[1], l->plane[1], l->plane[3], 1);
    gmlp__level_blur(l, l->plane[1], l->plane[2], l->plane[3], 2);
    for (k = 0; k < pixels; k++) difference[k] = (int16_t)(l->plane[1][k] - l->plane[2][k]);
    memset(l->marks, 0, (size_t)l->cells * l->each * sizeof *l->marks);
    for (y = l->edge; y + l->edge < l->h; y++)
        for (x = l->edge; x + l->edge < l->w; x++) {
            const int16_t *const p = difference + (size_t)y * l->w + x;
            gmlp__mark *const cell = l->marks + (size_t)(y / GMLP__MARK_CELL * across + x / GMLP__MARK_CELL) * l->each;
            if (*p < GMLP__MARK_LEAST && *p > -GMLP__MARK_LEAST) continue;
            if (!gmlp__mark_at(p, (ptrdiff_t)l->w, x, y, &m)) continue;
            for (i = 0; i < l->each && gmlp__away32(cell[i].strength) >= gmlp__away32(m.strength);) i++;
            for (j = l->each; j-- > i + 1;) cell[j] = cell[j - 1];
            if (i < l->each) cell[i] = m;
        }
    for (i = 0, l->count = 0; i < l->cells * l->each; i++) {
        uint16_t samples[25];
        if (!l->marks[i].strength) continue;
        m = l->marks[i];
        for (j = 0; j < 25; j++) {
            const int32_t u = (int32_t)m.x + 4 * ((int32_t)(j % 5) - 2), v = (int32_t)m.y + 4 * ((int32_t)(j / 5) - 2);
            x = u < 0 ? 0 : (uint32_t)u < l->w ? (uint32_t)u : l->w - 1;
            y = v < 0 ? 0 : (uint32_t)v < l->h ? (uint32_t)v : l->h - 1;
            samples[j] = l->plane[2][(size_t)y * l->w + x];
        }
        for (j = 0; j < 8; j++) m.bits[j] = gmlp__mark_bits(samples, (int)j);
        m.x = gmlp__dmul(m.x, to_x);
        m.y = gmlp__dmul(m.y, to_y);
        l->marks[l->count++] = m;
    }
}

/* Levels of one sheet, in one piece of memory. */
typedef struct gmlp__levels {
    gmlp__level level[GMLP__MARK_SIZES];
    uint32_t count;
    void *memory;
    size_t size;
} gmlp__levels;

static void gmlp__levels_add(gmlp__levels *ls, const gmlp__sheet *sheet, double w, double h, uint32_t each,
                             uint32_t edge) {
    gmlp__level *const l = &ls->level[ls->count];
    if (!(w >= (double)GMLP__LEVEL_LEAST && h >= (double)GMLP__LEVEL_LEAST && w <= 600.0 && h <= 600.0)) return;
    memset(l, 0, sizeof *l);
    l->sheet = sheet;
    l->w = (uint32_t)(w + 0.5);
    l->h = (uint32_t)(h + 0.5);
    l->each = each;
    l->edge = edge;
    l->cells = ((l->w + GMLP__MARK_CELL - 1) / GMLP__MARK_CELL) * ((l->h + GMLP__MARK_CELL - 1) / GMLP__MARK_CELL);
    ls->count++;
}

static void gmlp__levels_close(gmlp__levels *ls, const gmlp_alloc *alloc) {
    gmlp__free(alloc, ls->memory, ls->size);
    ls->memory = NULL;
}

/* Memory for the levels, and their marks. */
static gmlp_result gmlp__levels_open(gmlp__levels *ls, const gmlp_alloc *alloc, const gmlp_threads *threads) {
    unsigned char *p;
    uint32_t i, k;
    ls->memory = NULL;
    for (i = 0, ls->size = 0; i < ls->count; i++) {
        const gmlp__level *const l = &ls->level[i];
        ls->size += (size_t)l->cells * l->each * sizeof *l->marks + ((size_t)l->sheet->w + 1 + l->w) * sizeof *l->row +
                    (4 * (size_t)l->w * l->h + l->w) * sizeof *l->line + 16;
    }
    if (!ls->count) return GMLP_OK;
    ls->memory = p = (unsigned char *)gmlp__alloc(alloc, ls->size);
    if (!p) return GMLP_E_MEMORY;
    for (i = 0; i < ls->count; i++) {
        gmlp__level *const l = &ls->level[i];
        const size_t pixels = (size_t)l->w * l->h;
        unsigned char *const begin = p;
        l->marks = (gmlp__mark *)(void *)p;
        l->row = (uint32_t *)(void *)(l->marks + (size_t)l->cells * l->each);
        l->sum = l->row + l->sheet->w + 1;
        l->plane[0] = (uint16_t *)(void *)(l->sum + l->w);
        for (k = 1; k < 4; k++) l->plane[k] = l->plane[k - 1] + pixels;
        l->line = l->plane[3] + pixels;
        p = (unsigned char *)(void *)(l->line + l->w);
        p += (16 - (size_t)(p - begin) % 16) % 16;
    }
    gmlp__run(threads, gmlp__level_job, ls->level, ls->count);
    return GMLP_OK;
}

/* A landmark as the blob has it. */
typedef struct gmlp__landmark {
    double u, v; /* in the picture trained on, from its upper left corner */
    uint32_t bits;
    int dark;
} gmlp__landmark;

static double gmlp__longer(uint32_t w, uint32_t h) { return (double)(w > h ? w : h); }

/* Pixels of the size that landmarks are looked for at, for one of the picture trained on. */
static double gmlp__landmark_scale(uint32_t w, uint32_t h) {
    const double longer = gmlp__longer(w, h);
    return longer > (double)GMLP__LONG_SIDE ? (double)GMLP__LONG_SIDE / longer : 1.0;
}

static uint32_t gmlp__bits_set(uint32_t v) {
    uint32_t n = 0;
    for (; v; v &= v - 1) n++;
    return n;
}

/* The net's landmarks; how many. */
static uint32_t gmlp__landmarks_read(const gmlp_net *net, gmlp__landmark *out) {
    const double step = gmlp__longer(net->width, net->height) / (double)GMLP__PLACES;
    size_t size;
    const uint8_t *p = gmlp_net_section(net, GMLP_SECTION_LANDMARKS, &size);
    uint32_t i, n = (uint32_t)(size / GMLP__LANDMARK_BYTES);
    if (n > GMLP_MAX_LANDMARKS) n = GMLP_MAX_LANDMARKS;
    for (i = 0; i < n; i++, p += GMLP__LANDMARK_BYTES) {
        out[i].u = gmlp__dmul((double)(p[0] | (p[1] & 15u) << 8), step);
        out[i].v = gmlp__dmul((double)(p[1] >> 4 | (uint32_t)p[2] << 4), step);
        out[i].bits = p[3] | (p[4] & 127u) << 8;
        out[i].dark = p[4] >> 7;
    }
    return n;
}

/* A transform along one axis: original = at + step * edited, in pixels from the upper left corner. The original's
   columns are axis 0, its rows axis 1. */
typedef struct gmlp__guess {
    int orientation;
    double at[2], step[2]; /* step is below 0 where the axis runs backwards */
    uint32_t votes, found, expected;
    double rms;            /* of the landmarks found, in pixels of the size that they are looked for at */
    double score;
} gmlp__guess;

typedef struct gmlp__finder {
    const gmlp_net *net;
    gmlp__sheet sheet;
    gmlp__landmark mark[GMLP_MAX_LANDMARKS];
    uint32_t count;
    double scale;              /* gmlp__landmark_scale */
    double size[2];            /* of the picture trained on */
    const gmlp_alloc *alloc;
    const gmlp_threads *threads;
} gmlp__finder;

/* The edited picture's sides along the original's axes. */
static double gmlp__side(const gmlp__finder *s, int orientation, int axis) {
    return (double)(!(orientation & GMLP__TRANSPOSED) == !!axis ? s->sheet.height : s->sheet.width);
}

static double gmlp__positive(double v) { return v < 0.0 ? -v : v; }

/* Pixels of the original, along one of its axes, that a guess says are in the edited picture. */
static double gmlp__reach(const gmlp__finder *s, const gmlp__guess *g, int axis) {
    return gmlp__dmul(gmlp__positive(g->step[axis]), gmlp__side(s, g->orientation, axis));
}

static int gmlp__backwards(int orientation, int axis) {
    return (orientation & (axis ? GMLP__ROWS_BACK : GMLP__COLUMNS_BACK)) != 0;
}

/* A place of the edited picture along the original's axes. */
static double gmlp__along(const gmlp__mark *m, int orientation, int axis) {
    return !(orientation & GMLP__TRANSPOSED) == !!axis ? m->y : m->x;
}

/* Landmarks and the marks that are they. */
typedef struct gmlp__pairs {
    uint32_t count, expected;
    double original[2][GMLP_MAX_LANDMARKS], edited[2][GMLP_MAX_LANDMARKS];
} gmlp__pairs;

static void gmlp__pairs_find(const gmlp__finder *s, const gmlp__guess *g, const gmlp__level *const *level,
                             uint32_t levels, double within, gmlp__pairs *out) {
    const double edge = (double)GMLP__MARK_EDGE / s->scale, least = gmlp__dmul(within / s->scale, within / s->scale);
    uint32_t i, j, k;
    int axis;
    out->count = out->expected = 0;
    for (i = 0; i < s->count; i++) {
        const double place[2] = {s->mark[i].u, s->mark[i].v};
        double sum[2] = {0.0, 0.0};
        uint32_t seen = 0;
        int inside = 1;
        for (axis = 0; axis < 2; axis++) {
            const double at = gmlp__positive(place[axis] - g->at[axis]), sign = g->step[axis] < 0.0 ? -1.0 : 1.0,
                         length = gmlp__reach(s, g, axis);
            inside = inside && gmlp__dmul(sign, place[axis] - g->at[axis]) >= edge && at <= length - edge;
        }
        if (!inside) continue;
        out->expected++;
        for (k = 0; k < levels; k++) {
            const gmlp__level *const l = level[k];
            double best = least, where[2] = {0.0, 0.0};
            for (j = 0; j < l->count; j++) {
                const gmlp__mark *const m = &l->marks[j];
                double off = 0.0;
                if ((m->strength < 0) != s->mark[i].dark) continue;
                for (axis = 0; axis < 2; axis++) {
                    const double d =
                        g->at[axis] + gmlp__dmul(g->step[axis], gmlp__along(m, g->orientation, axis)) - place[axis];
                    off += gmlp__dmul(d, d);
                }
                if (off >= best || gmlp__bits_set(m->bits[g->orientation] ^ s->mark[i].bits) > GMLP__DETAIL_OFF)
                    continue;
                best = off;
                for (axis = 0; axis < 2; axis++) where[axis] = gmlp__along(m, g->orientation, axis);
            }
            if (!(best < least)) continue;
            sum[0] += where[0];
            sum[1] += where[1];
            seen++;
        }
        if (2 * seen <= levels) continue;
        for (axis = 0; axis < 2; axis++) {
            out->original[axis][out->count] = place[axis];
            out->edited[axis][out->count] = sum[axis] / (double)seen;
        }
        out->count++;
    }
}

/* How far the pairs are from the guess: squares of pixels of the original. */
static double gmlp__pair_off(const gmlp__pairs *p, const gmlp__guess *g, uint32_t i) {
    const double u = g->at[0] + gmlp__dmul(g->step[0], p->edited[0][i]) - p->original[0][i],
                 v = g->at[1] + gmlp__dmul(g->step[1], p->edited[1][i]) - p->original[1][i];
    return gmlp__dmul(u, u) + gmlp__dmul(v, v);
}

/* Means of an axis, and the sum of squares around that of the edited places. */
typedef struct gmlp__scatter {
    double original, edited, square;
} gmlp__scatter;

static gmlp__scatter gmlp__pair_spread(const gmlp__pairs *p, int axis, double *product) {
    const double n = (double)p->count;
    gmlp__scatter s = {0.0, 0.0, 0.0};
    uint32_t i;
    for (i = 0; i < p->count; i++) {
        s.original += p->original[axis][i];
        s.edited += p->edited[axis][i];
    }
    s.original /= n;
    s.edited /= n;
    for (i = 0, *product = 0.0; i < p->count; i++) {
        const double d = p->edited[axis][i] - s.edited;
        s.square += gmlp__dmul(d, d);
        *product += gmlp__dmul(d, p->original[axis][i] - s.original);
    }
    return s;
}

/* Least squares. 0 if the pairs do not say enough, or the other orientation. */
static int gmlp__pair_line(const gmlp__pairs *p, gmlp__guess *g) {
    int axis;
    for (axis = 0; axis < 2; axis++) {
        double product;
        const gmlp__scatter s = gmlp__pair_spread(p, axis, &product);
        if (p->count < 4 || !(s.square > 1.0)) return 0;
        g->step[axis] = product / s.square;
        g->at[axis] = s.original - gmlp__dmul(g->step[axis], s.edited);
        if (!(gmlp__positive(g->step[axis]) > 1e-4) ||
            (g->step[axis] < 0.0) != gmlp__backwards(g->orientation, axis))
            return 0;
    }
    return 1;
}

/* The same, then again without those that are far off. */
static int gmlp__pairs_fit(gmlp__pairs *p, gmlp__guess *g, double scale) {
    double off[GMLP_MAX_LANDMARKS], sorted[GMLP_MAX_LANDMARKS], limit;
    uint32_t i, j, n;
    if (!gmlp__pair_line(p, g)) return 0;
    sorted[0] = 0.0; /* compilers do not see that the loop runs */
    for (i = 0; i < p->count; i++) {
        off[i] = gmlp__pair_off(p, g, i);
        for (j = i; j > 0 && sorted[j - 1] > off[i]; j--) sorted[j] = sorted[j - 1];
        sorted[j] = off[i];
    }
    limit = gmlp__dmul(6.0, sorted[p->count / 2]) + 0.01 / gmlp__dmul(scale, scale);
    for (i = n = 0; i < p->count; i++) {
        if (off[i] > limit) continue;
        for (j = 0; j < 2; j++) {
            p->original[j][n] = p->original[j][i];
            p->edited[j][n] = p->edited[j][i];
        }
        n++;
    }
    p->count = n;
    return gmlp__pair_line(p, g);
}

/* Down to a whole number, if there are any of that size. */
static double gmlp__floor(double v) {
    const double t = v > -1e9 && v < 1e9 ? (double)(int32_t)v : v;
    return t > v ? t - 1.0 : t;
}

/* Programs crop at whole pixels, most leave the ratio of sides as it is, but for rounding, and many do not resize at
   all: of transforms that the landmarks cannot tell apart, the most likely one. */
static void gmlp__guess_settle(const gmlp__finder *s, const gmlp__pairs *p, gmlp__guess *g) {
    gmlp__scatter spread[2];
    double step[2], doubt[2], side[2], unused, off = 0.0, apart, rounding, all;
    uint32_t i;
    int axis;
    for (i = 0; i < p->count; i++) off += gmlp__pair_off(p, g, i);
    off = off / (double)(2 * p->count - 4) + 0.0016 / gmlp__dmul(s->scale, s->scale);
    for (axis = 0; axis < 2; axis++) {
        spread[axis] = gmlp__pair_spread(p, axis, &unused);
        step[axis] = gmlp__positive(g->step[axis]);
        side[axis] = gmlp__side(s, g->orientation, axis);
        doubt[axis] = off / gmlp__dmul(spread[axis].square, gmlp__dmul(step[axis], step[axis])); /* a share, squared */
    }
    apart = 2.0 * (step[0] - step[1]) / (step[0] + step[1]);
    rounding = (1.0 / gmlp__dmul(side[0], side[0]) + 1.0 / gmlp__dmul(side[1], side[1])) / 12.0;
    all = doubt[0] + doubt[1] + rounding;
    if (gmlp__dmul(apart, apart) < 9.0 * all) {
        const double first = doubt[0], second = doubt[1];
        step[0] -= gmlp__dmul(gmlp__dmul(step[0], apart), first / all);
        step[1] += gmlp__dmul(gmlp__dmul(step[1], apart), second / all);
        doubt[0] = gmlp__dmul(first, (second + rounding) / all);
        doubt[1] = gmlp__dmul(second, (first + rounding) / all);
    }
    if (gmlp__dmul(step[0] - 1.0, step[0] - 1.0) < gmlp__dmul(12.0, doubt[0]) + 1e-7 &&
        gmlp__dmul(step[1] - 1.0, step[1] - 1.0) < gmlp__dmul(12.0, doubt[1]) + 1e-7)
        step[0] = step[1] = 1.0;
    for (axis = 0; axis < 2; axis++) {
        const double whole = gmlp__floor(gmlp__dmul(step[axis], side[axis]) + 0.5),
                     length = whole < 1.0 ? 1.0 : whole < s->size[axis] ? whole : s->size[axis];
        double from; /* the left or upper end of what was kept */
        step[axis] = length / side[axis];
        if (g->step[axis] < 0.0) step[axis] = -step[axis];
        from = spread[axis].original - gmlp__dmul(step[axis], spread[axis].edited);
        from = gmlp__floor((step[axis] < 0.0 ? from - length : from) + 0.5);
        if (from < 0.0 && from > -3.0) from = 0.0;
        if (from > s->size[axis] - length && from < s->size[axis] - length + 3.0) from = s->size[axis] - length;
        g->step[axis] = step[axis];
        g->at[axis] = g->step[axis] < 0.0 ? from + length : from;
    }
}

/* Does the edited picture lie in the original, but for slack pixels? */
static int gmlp__guess_inside(const gmlp__finder *s, const gmlp__guess *g, double slack) {
    int axis;
    for (axis = 0; axis < 2; axis++) {
        const double end = g->at[axis] + gmlp__dmul(g->step[axis], gmlp__side(s, g->orientation, axis)),
                     low = g->at[axis] < end ? g->at[axis] : end, high = g->at[axis] < end ? end : g->at[axis];
        if (!(low >= -slack && high <= s->size[axis] + slack)) return 0;
    }
    return 1;
}

/* Where an edge of the picture that the signature is of (axis 0: before a column, 1: before a row) lies in the base, if
   the guess is right. */
static double gmlp__edge_at(const gmlp_net *net, const gmlp__guess *g, int axis, uint32_t edge) {
    const double at = axis ? (double)net->coords.row : (double)net->coords.col,
                 step = axis ? (double)net->coords.row_step : (double)net->coords.col_step;
    return (at + gmlp__dmul(step, (double)edge - 0.5) + 0.5 - g->at[axis]) / g->step[axis];
}

/* The mean code in a cell from..to, of row cell of the signature's; of sYCC in those rows alone that this is of: in
   pictures of fine detail four codes may be between them and all. */
static double gmlp__guess_cell(const gmlp__finder *s, const gmlp__guess *g, uint32_t cell, const double from[2],
                               const double to[2]) {
    const gmlp_net *const net = s->net;
    const uint32_t height = net->base_height, every = 1 + height / 256, end = ((cell + 1) * height + 7) / 8;
    const int axis = !net->coords.transpose, side = g->orientation & GMLP__TRANSPOSED ? !axis : axis;
    double strip[2][2], sum = 0.0, all = 0.0;
    uint32_t y;
    memcpy(strip[0], from, sizeof strip[0]);
    memcpy(strip[1], to, sizeof strip[1]);
    for (y = (cell * height + 7) / 8; y < end && net->base_space == GMLP_SYCC; y++) {
        double one, other, low, high;
        if (y % every) continue;
        one = gmlp__edge_at(net, g, axis, y);
        other = gmlp__edge_at(net, g, axis, y + 1);
        low = one < other ? one : other;
        high = one < other ? other : one;
        strip[0][side] = low > from[side] ? low : from[side];
        strip[1][side] = high < to[side] ? high : to[side];
        if (strip[0][side] >= strip[1][side]) continue;
        sum += gmlp__dmul(gmlp__sheet_mean(&s->sheet, strip[0], strip[1]), strip[1][side] - strip[0][side]);
        all += strip[1][side] - strip[0][side];
    }
    return all > 0.0 ? sum / all : gmlp__sheet_mean(&s->sheet, from, to);
}

/* How the cells of the signature that are wholly in the edited picture differ from it: codes, on the mean and at most;
   how many they are. */
static uint32_t gmlp__guess_luma(const gmlp__finder *s, const gmlp__guess *g, double *mean, double *most) {
    const gmlp_net *const net = s->net;
    const gmlp_coords *const c = &net->coords;
    uint32_t n = 0, i;
    *mean = *most = 0.0;
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++) {
        double from[2], to[2], d;
        int inside = 1, k;
        for (k = 0; k < 2; k++) { /* along the sides of the picture that the signature is of */
            const uint32_t cell = k ? i / 8 : i % 8, size = k ? net->base_height : net->base_width;
            const int axis = c->transpose ? !k : k, side = g->orientation & GMLP__TRANSPOSED ? !axis : axis;
            const uint32_t one = (cell * size + 7) / 8, other = ((cell + 1) * size + 7) / 8;
            const double first = gmlp__edge_at(net, g, axis, one), last = gmlp__edge_at(net, g, axis, other);
            if (one == other) inside = 0;
            from[side] = first < last ? first : last;
            to[side] = first < last ? last : first;
        }
        inside = inside && from[0] >= -1.0 && from[1] >= -1.0 && to[0] <= (double)s->sheet.width + 1.0 &&
                 to[1] <= (double)s->sheet.height + 1.0;
        if (!inside) continue;
        for (k = 0; k < 2; k++) from[k] = from[k] > 0.0 ? from[k] : 0.0;
        d = gmlp__positive(gmlp__guess_cell(s, g, i / 8, from, to) - (double)net->signature[i]);
        *mean += d;
        *most = d > *most ? d : *most;
        n++;
    }
    if (n) *mean /= (double)n;
    return n;
}


/* Looks for the landmarks where the guess has them, in the size that it says, and corrects it. *holds: 1 if they are
   there, 2 if that is beyond doubt. */
static gmlp_result gmlp__guess_try(const gmlp__finder *s, gmlp__guess *g, int *holds) {
    static const double within[4] = {5.0, 2.5, 1.5, 1.5}; /* pixels of that size */
    static const double sizes[2] = {0.955, 1.05};         /* others, as the mean of places is better */
    const int swapped = (g->orientation & GMLP__TRANSPOSED) != 0;
    const gmlp__level *level[3];
    gmlp__levels first, rest;
    gmlp__pairs pairs;
    gmlp_result result = GMLP_OK;
    double w = 0.0, h = 0.0, mean, most, off = 0.0;
    uint32_t i, cells;
    int good = 1;
    *holds = 0;
    first.memory = rest.memory = NULL;
    first.size = rest.size = 0;
    first.count = rest.count = 0;
    level[0] = &first.level[0];
    level[1] = &rest.level[0];
    level[2] = &rest.level[1];
    for (i = 0; i < 4 && good; i++) {
        const double to_w = gmlp__dmul(s->scale, gmlp__reach(s, g, swapped)),
                     to_h = gmlp__dmul(s->scale, gmlp__reach(s, g, !swapped));
        if (!first.count || gmlp__positive(to_w - w) > w / 200.0 || gmlp__positive(to_h - h) > h / 200.0) {
            gmlp__levels_close(&first, s->alloc);
            first.count = 0;
            gmlp__levels_add(&first, &s->sheet, w = to_w, h = to_h, 3, 6);
            if (!first.count) return GMLP_OK;
            result = gmlp__levels_open(&first, s->alloc, s->threads);
            if (result) return result;
        }
        gmlp__pairs_find(s, g, level, 1, within[i], &pairs);
        good = pairs.count >= (i ? GMLP__LANDMARKS_ENOUGH : GMLP__LANDMARKS_ENOUGH - 1) &&
               gmlp__pairs_fit(&pairs, g, s->scale);
    }
    if (good && 2 * pairs.count >= pairs.expected) {
        for (i = 0; i < 2; i++)
            gmlp__levels_add(&rest, &s->sheet, gmlp__dmul(w, sizes[i]), gmlp__dmul(h, sizes[i]), 3, 6);
        result = gmlp__levels_open(&rest, s->alloc, s->threads);
        if (!result) {
            gmlp__pairs_find(s, g, level, 1 + rest.count, within[3], &pairs);
            g->found = pairs.count;
            g->expected = pairs.expected;
            good = g->found >= GMLP__LANDMARKS_ENOUGH && 2 * g->found >= g->expected &&
                   gmlp__pairs_fit(&pairs, g, s->scale);
        }
    } else good = 0;
    gmlp__levels_close(&first, s->alloc);
    gmlp__levels_close(&rest, s->alloc);
    if (result || !good) return result;
    for (i = 0; i < pairs.count; i++) off += gmlp__pair_off(&pairs, g, i);
    off = gmlp__dmul(gmlp__dmul(off, s->scale), s->scale) / (double)(2 * pairs.count);
    gmlp__guess_settle(s, &pairs, g);
    cells = gmlp__guess_luma(s, g, &mean, &most);
    if (cells < 4 || mean > 1.25 || most > 4.0 || !gmlp__guess_inside(s, g, 0.01)) return GMLP_OK;
    g->score = gmlp__dmul((double)g->found, (double)g->found) / (double)g->expected - 2.0 * mean;
    *holds = g->found >= 9 && 4 * g->found >= 3 * g->expected && off < 0.04 ? 2 : 1;
    return GMLP_OK;
}

/* A landmark and a mark of the same detail: places in pixels of the size that landmarks are looked for at, the mark's
   along the original's axes and as if it were in that size. */
typedef struct gmlp__vote {
    uint32_t landmark;
    double original[2], edited[2];
} gmlp__vote;
enum { GMLP__VOTES = 300 };

/* The guess that most landmarks agree on for an orientation, if the level's size is within a ninth of the right one,
   and both axes are resized alike. */
static void gmlp__guess_vote(const gmlp__finder *s, const gmlp__level *l, int orientation, gmlp__guess *g) {
    gmlp__vote vote[GMLP__VOTES];
    const double to[2] = {(double)l->w / (double)s->sheet.width, (double)l->h / (double)s->sheet.height};
    uint32_t n = 0, a, b, i, j, anchor = 0, bin = 0;
    int axis;
    g->orientation = orientation;
    g->votes = 0;
    for (i = 0; i < s->count; i++)
        for (j = 0; j < l->count && n < GMLP__VOTES; j++) {
            const gmlp__mark *const m = &l->marks[j];
            if ((m->strength < 0) != s->mark[i].dark ||
                gmlp__bits_set(m->bits[orientation] ^ s->mark[i].bits) > GMLP__DETAIL_VOTE)
                continue;
            vote[n].landmark = i;
            for (axis = 0; axis < 2; axis++) {
                const int side = orientation & GMLP__TRANSPOSED ? !axis : axis;
                const double at = gmlp__dmul(gmlp__along(m, orientation, axis), to[side]);
                vote[n].edited[axis] = gmlp__backwards(orientation, axis) ? -at : at;
                vote[n].original[axis] = gmlp__dmul(axis ? s->mark[i].v : s->mark[i].u, s->scale);
            }
            n++;
        }
    for (a = 0; a < n; a++) { /* as seen from one: how much larger the others would have it */
        uint64_t seen[10] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        for (b = 0; b < n; b++) {
            const double x = vote[b].edited[0] - vote[a].edited[0], y = vote[b].edited[1] - vote[a].edited[1],
                         dx = vote[b].original[0] - vote[a].original[0] - x,
                         dy = vote[b].original[1] - vote[a].original[1] - y;
            const int across = gmlp__positive(x) > gmlp__positive(y);
            double larger;
            if (vote[b].landmark == vote[a].landmark || (gmlp__positive(x) < 16.0 && gmlp__positive(y) < 16.0))
                continue;
            larger = across ? dx / x : dy / y;
            if (!(gmlp__positive(larger) < 0.111) || gmlp__positive(dx - gmlp__dmul(larger, x)) > 2.5 ||
                gmlp__positive(dy - gmlp__dmul(larger, y)) > 2.5)
                continue;
            seen[(uint32_t)(gmlp__dmul(larger, 40.0) + 4.5)] |= (uint64_t)1 << vote[b].landmark;
        }
        for (i = 0; i < 9; i++) {
            const uint64_t both = seen[i] | seen[i + 1];
            const uint32_t count = gmlp__bits_set((uint32_t)both) + gmlp__bits_set((uint32_t)(both >> 32));
            if (count > g->votes) {
                g->votes = count;
                anchor = a;
                bin = i;
            }
        }
    }
    g->score = (double)g->votes - (double)n / 100.0;
    for (axis = 0; axis < 2 && g->votes; axis++) {
        const int side = orientation & GMLP__TRANSPOSED ? !axis : axis;
        const double larger = 1.0 + ((double)bin - 3.5) * 0.025;
        g->at[axis] = (vote[anchor].original[axis] - gmlp__dmul(larger, vote[anchor].edited[axis])) / s->scale;
        g->step[axis] = gmlp__dmul(larger, to[side]) / s->scale;
        if (gmlp__backwards(orientation, axis)) g->step[axis] = -g->step[axis];
    }
}

/* Guesses from levels; the best of each level and orientation that may be. */
static uint32_t gmlp__guesses(const gmlp__finder *s, const gmlp__levels *ls, gmlp__guess *out) {
    uint32_t n = 0, i;
    int orientation;
    for (i = 0; i < ls->count; i++)
        for (orientation = 0; orientation < 8; orientation++) {
            const int swapped = (orientation & GMLP__TRANSPOSED) != 0;
            double mean, most;
            uint32_t cells;
            gmlp__guess *const g = &out[n];
            /* no larger than the original, even if this size is not quite right */
            if ((double)ls->level[i].w > gmlp__dmul(1.13 * s->scale, s->size[swapped]) ||
                (double)ls->level[i].h > gmlp__dmul(1.13 * s->scale, s->size[!swapped]))
                continue;
            gmlp__guess_vote(s, &ls->level[i], orientation, g);
            if (g->votes < 3 || !gmlp__guess_inside(s, g, 0.04 * gmlp__longer(s->net->width, s->net->height))) continue;
            cells = gmlp__guess_luma(s, g, &mean, &most);
            if (cells > 1 && (mean > 10.0 || most > 50.0)) continue;
            g->score -= mean / 2.0;
            n++;
        }
    return n;
}

/* Tries the best of them, eight at most, until one is beyond doubt. *holds and best: as of the best that holds. */
static gmlp_result gmlp__guesses_try(const gmlp__finder *s, gmlp__guess *guess, uint32_t n, gmlp__guess *best,
                                     int *holds) {
    gmlp_result result = GMLP_OK;
    uint32_t i, tried;
    for (tried = 0; tried < 8 && tried < n && *holds < 2 && !result; tried++) {
        gmlp__guess now;
        uint32_t next = tried;
        int held = 0;
        for (i = tried + 1; i < n; i++)
            if (guess[i].score > guess[next].score) next = i;
        now = guess[next];
        guess[next] = guess[tried];
        result = gmlp__guess_try(s, &now, &held);
        if (held && (held > *holds || now.score > best->score)) {
            *best = now;
            *holds = held;
        }
    }
    return result;
}

/* The whole picture, turned, mirrored or resized: the eight guesses that need no search. */
static gmlp_result gmlp__find_whole(const gmlp__finder *s, gmlp__guess *best, int *holds) {
    gmlp_result result = GMLP_OK;
    double second = 1e9, mean, most, of_best = 1e9;
    int orientation, axis;
    for (orientation = 0; orientation < 8 && !result && *holds < 2; orientation++) {
        gmlp__guess g;
        int held = 0;
        memset(&g, 0, sizeof g);
        g.orientation = orientation;
        for (axis = 0; axis < 2; axis++) {
            g.step[axis] = s->size[axis] / gmlp__side(s, orientation, axis);
            if (gmlp__backwards(orientation, axis)) g.step[axis] = -g.step[axis];
            g.at[axis] = gmlp__backwards(orientation, axis) ? s->size[axis] : 0.0;
        }
        if (gmlp__guess_luma(s, &g, &mean, &most) < GMLP_SIGNATURE_SIZE / 2) continue;
        if (s->count >= GMLP__LANDMARKS_FEW) {
            if (mean > 1.25 || most > 4.0) continue;
            result = gmlp__guess_try(s, &g, &held);
            if (held && (held > *holds || g.score > best->score)) {
                *best = g;
                *holds = held;
            }
            continue;
        }
        /* without landmarks: by the signature, if the picture tells its orientations apart and its ratio is kept */
        if (mean < of_best) second = of_best, of_best = mean;
        else if (mean < second) second = mean;
        if (mean > of_best || mean > 1.25 || most > 4.0) continue;
        *best = g;
    }
    if (s->count < GMLP__LANDMARKS_FEW && !result) {
        const double apart = gmlp__positive(gmlp__positive(best->step[0]) - gmlp__positive(best->step[1])),
                     w = (double)s->sheet.width, h = (double)s->sheet.height;
        *holds = best->step[0] != 0.0 && of_best <= 1.25 && second > 3.0 &&
                 apart <= gmlp__dmul(gmlp__positive(best->step[0]), 1.0 / (w < h ? w : h));
    }
    return result;
}

/* A part of the picture, perhaps turned, mirrored or resized. */
static gmlp_result gmlp__find_part(const gmlp__finder *s, gmlp__guess *best, int *holds) {
    const double w = (double)s->sheet.width, h = (double)s->sheet.height,
                 upright = s->size[0] / w < s->size[1] / h ? s->size[0] / w : s->size[1] / h,
                 turned = s->size[0] / h < s->size[1] / w ? s->size[0] / h : s->size[1] / w,
                 most = upright > turned ? upright : turned;
    gmlp__guess guess[8 * GMLP__MARK_SIZES];
    gmlp__levels ls;
    gmlp_result result;
    uint32_t n;
    int round;
    for (round = 0; round < 2 && *holds < 2; round++) { /* as it is first, then in other sizes */
        double size = most;
        ls.count = 0;
        if (!round && most >= 1.0)
            gmlp__levels_add(&ls, &s->sheet, gmlp__dmul(w, s->scale), gmlp__dmul(h, s->scale), 2, GMLP__MARK_EDGE);
        for (; round && ls.count < GMLP__MARK_SIZES && size > most / 3.0; size = gmlp__dmul(size, 0.86))
            gmlp__levels_add(&ls, &s->sheet, gmlp__dmul(gmlp__dmul(w, size), s->scale),
                             gmlp__dmul(gmlp__dmul(h, size), s->scale), 2, GMLP__MARK_EDGE);
        result = gmlp__levels_open(&ls, s->alloc, s->threads);
        if (result) return result;
        n = gmlp__guesses(s, &ls, guess);
        gmlp__levels_close(&ls, s->alloc);
        result = gmlp__guesses_try(s, guess, n, best, holds);
        if (result) return result;
    }
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_find_edit(const gmlp_net *net, const gmlp_image *base, const gmlp_find_edit_opts *opts,
                                    gmlp_edit *edit) {
    gmlp__finder s;
    gmlp__guess best;
    gmlp__fp_state fp;
    gmlp_result result;
    gmlp_signature signature;
    float at[2], step[2];
    int holds = 0, axis;
    if (edit) memset(edit, 0, sizeof *edit);
    if (!net || !edit || !gmlp__codes_ok(base) || gmlp__net_check(net, NULL)) return GMLP_E_ARGUMENT;
    if ((net->base_space == GMLP_SYCC) != (base->space == GMLP_SYCC)) return GMLP_E_BASE_SPACE;
    if (net->method == GMLP_METHOD_NONE) return GMLP_E_OTHER_PICTURE;
    memset(&s, 0, sizeof s);
    memset(&best, 0, sizeof best);
    s.net = net;
    s.count = gmlp__landmarks_read(net, s.mark);
    s.alloc = opts ? &opts->alloc : NULL;
    s.threads = opts ? &opts->threads : NULL;
    s.scale = gmlp__landmark_scale(net->width, net->height);
    s.size[0] = (double)net->width;
    s.size[1] = (double)net->height;
    fp = gmlp__fp_enter();
    result = gmlp__sheet_open(&s.sheet, base, s.alloc);
    if (!result) {
        result = gmlp__find_whole(&s, &best, &holds);
        if (!result && holds < 2 && s.count >= GMLP__LANDMARKS_FEW) result = gmlp__find_part(&s, &best, &holds);
        gmlp__sheet_close(&s.sheet);
    }
    for (axis = 0; axis < 2 && holds; axis++) { /* from edges to centres */
        step[axis] = (float)best.step[axis];
        at[axis] = (float)(best.at[axis] + 0.5 * best.step[axis] - 0.5);
    }
    gmlp__fp_leave(fp);
    if (result) return result;
    if (!holds) return GMLP_E_OTHER_PICTURE;
    edit->coords.col = at[0];
    edit->coords.col_step = step[0];
    edit->coords.row = at[1];
    edit->coords.row_step = step[1];
    edit->coords.transpose = (best.orientation & GMLP__TRANSPOSED) != 0;
    edit->width = base->width;
    edit->height = base->height;
    edit->found = best.found;
    edit->expected = best.expected;
    gmlp_signature_begin(&signature, base->width, base->height);
    gmlp_signature_rows(&signature, base, 0);
    return gmlp_signature_finish(&signature, edit->signature);
}

/* The cells of GMLP_SECTION_OUTSIDE, each as that of the net's base in which its middle was. */
static void gmlp__outside_follow(gmlp_net *net, const gmlp_edit *edit) {
    const gmlp_coords *const c = &edit->coords, *const b = &net->coords;
    uint8_t was[GMLP__OUTSIDE_SIZE];
    uint8_t *const out = (uint8_t *)(uintptr_t)gmlp__outside_section(net);
    uint32_t i;
    if (!out) return;
    memcpy(was, out, sizeof was);
    memset(out, 0, sizeof was);
    for (i = 0; i < GMLP_SIGNATURE_SIZE; i++) {
        const double x = ((double)(i % 8) + 0.5) * (double)edit->width / 8.0 - 0.5,
                     y = ((double)(i / 8) + 0.5) * (double)edit->height / 8.0 - 0.5;
        const double col = (double)c->col + gmlp__dmul((double)c->col_step, c->transpose ? y : x),
                     row = (double)c->row + gmlp__dmul((double)c->row_step, c->transpose ? x : y);
        const double p = (col - (double)b->col) / (double)b->col_step, q = (row - (double)b->row) / (double)b->row_step;
        const double u = 8.0 * ((b->transpose ? q : p) + 0.5) / (double)net->base_width,
                     v = 8.0 * ((b->transpose ? p : q) + 0.5) / (double)net->base_height;
        const uint32_t from = (u > 0.0 ? u < 7.0 ? (uint32_t)u : 7 : 0) + 8 * (v > 0.0 ? v < 7.0 ? (uint32_t)v : 7 : 0);
        out[i / 2] = (uint8_t)(out[i / 2] | (was[from / 2] >> from % 2 * 4 & 15) << i % 2 * 4);
    }
}

static int gmlp__is_resized(const gmlp_coords *c) {
    return (c->col_step != 1.0f && c->col_step != -1.0f) || (c->row_step != 1.0f && c->row_step != -1.0f);
}

GMLP_DEF void gmlp_net_follow(gmlp_net *net, const gmlp_edit *edit) {
    const double pixel = gmlp__positive(gmlp__dmul((double)edit->coords.col_step, (double)edit->coords.row_step));
    const int more = pixel < 1.0 ? 2 : 5; /* tried: more takes more in gamut */
    gmlp__outside_follow(net, edit);
    if (gmlp__is_resized(&edit->coords) && !gmlp__is_resized(&net->coords) && net->clip_margin < 8)
        net->clip_margin = net->clip_margin + more < 8 ? net->clip_margin + more : 8;
    net->coords = edit->coords;
    net->base_width = edit->width;
    net->base_height = edit->height;
    memcpy(net->signature, edit->signature, sizeof net->signature);
}

/* A resized base. A program averages codes, the original's in its own space as the base's: so the picture
   of the size trained on is decoded to codes of the wide space, and these are averaged. What the base's codes have more
   than the codes found there is added, so that pixels that were in gamut come back as they are. */

enum {
    GMLP__PATCH = 64,        /* pixels of the base a side, beginning at multiples: parts then decode as the whole */
    GMLP__PATCH_AROUND = 16, /* pixels around them that have a say: two in each round; */
    GMLP__PATCH_BEYOND = 24, /* of larger pictures, where windows and sums reach over more */
    GMLP__PATCH_ROUNDS = 8,  /* twelve more add 0.1 dB */
    GMLP__PATCH_LARGER = 4,  /* times as long or short the trained sides may be, for a tile to fit into memory */
    GMLP__PATCH_STRIP = 16,  /* rows of the large picture that are decoded at once */
    GMLP__PATCH_JOBS = 16,
    GMLP__PATCHES_TRIED = 8  /* for where pixels lie */
};

/* A side of the picture: its pixels in the base and in the picture of the size trained on, here called the small and
   the large one, as in most cases they are. */
typedef struct gmlp__axis {
    uint32_t shrunk, large;
    uint32_t around, side;        /* of a tile, and its length with them */
    uint32_t most, taps;          /* of the large one's pixels, in a tile and in a sum */
    uint32_t reach;               /* of the small one's, to either side of one, that its sum lies in */
    double shift;                 /* of the small one's middles in the large one, in pixels of that */
} gmlp__axis;

/* The two ways in which a small pixel is a sum of large ones. */
enum {
    GMLP__TAKEN,                  /* when codes are looked for */
    GMLP__GIVEN,                  /* when they have been decoded */
    GMLP__SUMS
};

/* A side of a tile. from..to-1 are the pixels that are wanted, in the base, low..high-1 those with what is around
   them, large_low..large_high-1 the same in the large picture, large_from..large_to-1 what the wanted are sums of. */
typedef struct gmlp__tile_side {
    uint32_t from, to, low, high, large_from, large_to, large_low, large_high, taps;
    uint32_t *first[GMLP__SUMS], *count[GMLP__SUMS]; /* of the pixels from low on: the large ones in their sums */
    float *weight[GMLP__SUMS];    /* taps for each of them */
    uint32_t *before;             /* of the large ones: the first of the two small ones around it, */
    float *beyond;                /* and how far it is beyond that */
} gmlp__tile_side;

typedef struct gmlp__resized {
    const gmlp_image *base;
    gmlp_image out;
    uint32_t x, y, across;        /* of out; tiles from left to right */
    gmlp__axis axis[2];           /* columns, rows */
    size_t channels, tiles, jobs, scratch_size, decoder_scratch;
    gmlp_decoder *decoder;        /* of the large picture */
    gmlp_converter *plain, *rgb;  /* the base's codes to those of the wide space, and to RGB */
    gmlp_converter *shown, *pixels; /* sRGB in float to codes of the wide space; these to out's */
    float code[256];              /* what the codes of the base were */
    unsigned char *scratch;
    gmlp_result status[GMLP__PATCH_JOBS];
} gmlp__resized;

/* What a tile is done in. */
typedef struct gmlp__tile {
    gmlp__tile_side side[2];           /* columns, rows */
    float *shrunk, *large, *step, *row, *decoded, *wide;
    uint8_t *codes;
    void *scratch;
} gmlp__tile;

static uint32_t gmlp__large_low(const gmlp__axis *a, uint32_t at) {
    return (uint32_t)((uint64_t)at * a->large / a->shrunk);
}
static uint32_t gmlp__large_high(const gmlp__axis *a, uint32_t at) {
    return (uint32_t)(((uint64_t)at * a->large + a->shrunk - 1) / a->shrunk);
}

/* step: of the coordinates along it. */
static void gmlp__axis_size(gmlp__axis *a, uint32_t shrunk, double step) {
    const double most = (double)GMLP__PATCH_LARGER, least = 1.0 / most;
    a->shrunk = shrunk;
    a->large = (uint32_t)(gmlp__dmul((double)shrunk, step < most ? step > least ? step : least : most) + 0.5);
    if (!a->large) a->large = 1;
    a->reach = a->large < shrunk ? (2 * shrunk - 1) / a->large + 2 : 2;
    a->taps = 4 * a->large / shrunk + 5;
}

/* halo: what the network reads around each of the large one's pixels. */
static void gmlp__axis_tile(gmlp__axis *a, uint32_t halo) {
    const uint32_t needed = a->reach + (halo + 1) * ((a->shrunk + a->large - 1) / a->large),
                   usual = a->large < a->shrunk ? (uint32_t)GMLP__PATCH_BEYOND : (uint32_t)GMLP__PATCH_AROUND;
    a->around = needed > usual ? needed : usual;
    a->side = (uint32_t)GMLP__PATCH + 2 * a->around;
    a->most = gmlp__large_high(a, a->shrunk < a->side ? a->shrunk : a->side) + 1;
}

static double gmlp__overlap(double at, double low, double high) {
    const double from = at > low ? at : low, to = at + 1.0 < high ? at + 1.0 : high;
    return to > from ? to - from : 0.0;
}

/* How much large pixel at is in the sum of a small one that has its centre there and is so many large ones wide.
   When codes are looked for: less than one, on a straight line between large ones; else means over areas, blurred by
   how much of the area is more than a pixel, as codes found to be sharper than they were bring more colour back than
   those that are softer. When they are given: the cubic of Mitchell and Netravali, or that of Catmull and Rom, which
   are between the filters that programs use to make pictures larger, and smaller. (Tried: areas, lines, cubics and
   Lanczos for each.) */
static double gmlp__weight_of(int sum, double at, double centre, double ratio) {
    double x = at + 0.5 - centre;
    if (x < 0.0) x = 0.0 - x;
    if (ratio < 1.0) {
        if (sum == GMLP__TAKEN) return x < 1.0 ? 1.0 - x : 0.0;
        if (x < 1.0) return gmlp__dmul(gmlp__dmul(gmlp__dmul(21.0, x) - 36.0, x), x) + 16.0;
        if (x < 2.0) return gmlp__dmul(gmlp__dmul(36.0 - gmlp__dmul(7.0, x), x) - 60.0, x) + 32.0;
        return 0.0;
    }
    if (sum == GMLP__TAKEN) {
        const double low = centre - ratio * 0.5, high = centre + ratio * 0.5, outer = gmlp__dmul(ratio - 1.0, 0.375),
                     inner = (ratio - 1.0) * 0.125;
        return gmlp__overlap(at, low - outer, high - outer) + gmlp__overlap(at, low - inner, high - inner) +
               gmlp__overlap(at, low + inner, high + inner) + gmlp__overlap(at, low + outer, high + outer);
    }
    x /= ratio;
    if (x < 1.0) return gmlp__dmul(gmlp__dmul(gmlp__dmul(1.5, x) - 2.5, x), x) + 1.0;
    if (x < 2.0) return gmlp__dmul(gmlp__dmul(2.5 - x * 0.5, x) - 4.0, x) + 2.0;
    return 0.0;
}

static void gmlp__side_sum(gmlp__tile_side *s, int sum, uint32_t at, double centre, double ratio) {
    const double reach = gmlp__dmul(ratio > 1.0 ? ratio : 1.0, sum == GMLP__TAKEN ? 1.0 : 2.0);
    const double low = centre - reach > (double)s->large_low ? centre - reach : (double)s->large_low,
                 high = centre + reach < (double)s->large_high ? centre + reach : (double)s->large_high;
    float *weight = s->weight[sum] + (size_t)at * s->taps;
    double w, all = 0.0;
    uint32_t i, first = (uint32_t)low, end = (uint32_t)high;
    if ((double)end < high) end++;
    for (i = first; i < end; i++) all += gmlp__weight_of(sum, (double)i, centre, ratio);
    for (i = first; i < end; i++) {
        w = gmlp__weight_of(sum, (double)i, centre, ratio) / all;
        weight[i - first] = (float)w;
    }
    s->first[sum][at] = first;
    s->count[sum][at] = end - first;
}

static void gmlp__side_fill(gmlp__tile_side *s, const gmlp__axis *a) {
    const gmlp__fp_state fp = gmlp__fp_enter();
    const double ratio = (double)a->large / (double)a->shrunk;
    uint32_t i;
    int sum;
    s->taps = a->taps;
    for (i = s->low; i < s->high; i++)
        for (sum = 0; sum < GMLP__SUMS; sum++)
            gmlp__side_sum(s, sum, i - s->low, gmlp__dmul((double)i + 0.5, ratio) + a->shift, ratio);
    for (i = s->large_low; i < s->large_high; i++) {
        const double at = ((double)i + 0.5 - a->shift) * (double)a->shrunk / (double)a->large - 0.5,
                     low = at > 0.0 ? (double)(uint32_t)at : 0.0;
        s->before[i - s->large_low] = (uint32_t)low;
        s->beyond[i - s->large_low] = (float)(at > low ? at - low : 0.0);
    }
    gmlp__fp_leave(fp);
}

/* Sums of a row of the large picture, which begins at its pixel begin, for the small pixels low..high-1. Here and below
   products are of floats in double, which are exact, so that no compiler can change a sum by fusing it with them. */
static void gmlp__row_down(const gmlp__tile_side *s, int sum, const float *large, uint32_t begin, float *shrunk,
                           uint32_t low, uint32_t high) {
    uint32_t i, k;
    for (i = low - s->low; i < high - s->low; i++, shrunk += 3) {
        const float *p = large + (size_t)(s->first[sum][i] - begin) * 3, *w = s->weight[sum] + (size_t)i * s->taps;
        double r = 0.0, g = 0.0, b = 0.0;
        for (k = s->count[sum][i]; k; k--, p += 3, w++) {
            r += (double)*w * (double)p[0];
            g += (double)*w * (double)p[1];
            b += (double)*w * (double)p[2];
        }
        shrunk[0] = (float)r;
        shrunk[1] = (float)g;
        shrunk[2] = (float)b;
    }
}

/* Adds large row y's sums, times factor, to the small rows low..high-1 that it has a part in, of so many channels. */
static void gmlp__add_down(const gmlp__tile_side *s, int sum, uint32_t y, const float *sums, float factor, float *rows,
                           size_t width, size_t channels, uint32_t low, uint32_t high) {
    uint32_t at;
    size_t i, c;
    for (at = low; at < high; at++, rows += width * channels) {
        const uint32_t k = y - s->first[sum][at - s->low];
        float weight;
        if (k >= s->count[sum][at - s->low]) continue; /* rows before the first wrap around */
        weight = factor * s->weight[sum][(size_t)(at - s->low) * s->taps + k];
        for (i = 0; i < width; i++)
            for (c = 0; c < 3; c++)
                rows[i * channels + c] =
                    (float)((double)rows[i * channels + c] + (double)weight * (double)sums[3 * i + c]);
    }
}

static float gmlp__between(float p, float q, float beyond) {
    return (float)((double)(1.0f - beyond) * (double)p + (double)beyond * (double)q);
}

/* The small codes less what the large ones come to. */
static void gmlp__subtract_sums(const gmlp__resized *r, const gmlp__tile *t, const uint8_t *codes) {
    const gmlp__tile_side *const columns = &t->side[0], *const rows = &t->side[1];
    const size_t width = columns->high - columns->low, samples = width * (rows->high - rows->low) * 3;
    uint32_t y;
    size_t i;
    for (i = 0; i < samples; i++) t->shrunk[i] = r->code[codes[i]];
    for (y = rows->large_low; y < rows->large_high; y++) {
        gmlp__row_down(columns, GMLP__TAKEN,
                       t->large + (size_t)(y - rows->large_low) * (columns->large_high - columns->large_low) * 3,
                       columns->large_low, t->row, columns->low, columns->high);
        gmlp__add_down(rows, GMLP__TAKEN, y, t->row, -1.0f, t->shrunk, width, 3, rows->low, rows->high);
    }
}

/* The two of low..high-1 around a large pixel. */
static uint32_t gmlp__inner(uint32_t at, uint32_t low, uint32_t high) {
    return (at < low ? low : at < high ? at : high - 1) - low;
}

/* Adds to the large codes what the small ones have more than they come to, as it lies between pixels' centres, and that
   share of what the round before has added. */
static void gmlp__add_up(const gmlp__tile *t, float share) {
    const gmlp__tile_side *const a = &t->side[0], *const d = &t->side[1];
    const size_t samples = (size_t)(a->high - a->low) * 3;
    uint32_t x, y;
    size_t i, c;
    float *out = t->large, *step = t->step;
    for (y = 0; y < d->large_high - d->large_low; y++) {
        const float *p = t->shrunk + gmlp__inner(d->before[y], d->low, d->high) * samples,
                    *q = t->shrunk + gmlp__inner(d->before[y] + 1, d->low, d->high) * samples;
        for (i = 0; i < samples; i++) t->row[i] = gmlp__between(p[i], q[i], d->beyond[y]);
        for (x = 0; x < a->large_high - a->large_low; x++, out += 3, step += 3) {
            const float *low = t->row + (size_t)gmlp__inner(a->before[x], a->low, a->high) * 3,
                        *high = t->row + (size_t)gmlp__inner(a->before[x] + 1, a->low, a->high) * 3;
            for (c = 0; c < 3; c++) {
                const float v = out[c] + (gmlp__between(low[c], high[c], a->beyond[x]) + share * step[c]),
                            held = v > 0.0f ? v < 255.0f ? v : 255.0f : 0.0f;
                step[c] = held - out[c];
                out[c] = held;
            }
        }
    }
}

/* n pixels of RGB codes as sYCC. */
static void gmlp__codes_to_sycc(uint8_t *codes, size_t n) {
    float tone[3 * GMLP__PORTION];
    float *const planes[3] = {tone, tone + GMLP__PORTION, tone + 2 * GMLP__PORTION};
    int32_t sycc[3 * GMLP__PORTION];
    size_t i, c, m;
    for (; n; n -= m, codes += 3 * m) {
        m = n < GMLP__PORTION ? n : GMLP__PORTION;
        for (i = 0; i < m; i++)
            for (c = 0; c < 3; c++) planes[c][i] = (float)codes[3 * i + c] / 255.0f;
        gmlp__sycc_codes(planes, sycc, GMLP__PORTION, m);
        for (i = 0; i < m; i++)
            for (c = 0; c < 3; c++) codes[3 * i + c] = (uint8_t)sycc[c * GMLP__PORTION + i];
    }
}

static gmlp_image gmlp__packed(void *data, uint32_t width, uint32_t height, int type, size_t channels, int space) {
    gmlp_image v;
    memset(&v, 0, sizeof v);
    v.data = data;
    v.width = width;
    v.height = height;
    v.type = type;
    v.channels = (int)channels;
    v.space = space;
    return v;
}

/* A rectangle of a view that is not of planes. */
static gmlp_image gmlp__part_of(const gmlp_image *of, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
    gmlp_image v = *of;
    const size_t pixel = gmlp_pixel_size(of->type, of->channels);
    v.data = gmlp__row(of, y) + x * pixel;
    v.stride = of->stride ? of->stride : (ptrdiff_t)(of->width * pixel);
    v.width = width;
    v.height = height;
    return v;
}

/* The codes of the large picture's part. */
static void gmlp__find_codes(const gmlp__resized *r, const gmlp__tile *t) {
    const uint32_t width = t->side[0].high - t->side[0].low, height = t->side[1].high - t->side[1].low;
    const size_t count = (size_t)(t->side[0].large_high - t->side[0].large_low) *
                         (t->side[1].large_high - t->side[1].large_low);
    const gmlp_image base = gmlp__part_of(r->base, t->side[0].low, t->side[1].low, width, height),
                     rgb = gmlp__packed(t->codes, width, height, GMLP_U8, 3, GMLP_SRGB);
    size_t i;
    int round;
    gmlp_converter_rows(r->rgb, &base, &rgb);
    memset(t->large, 0, count * 3 * sizeof *t->large);
    memset(t->step, 0, count * 3 * sizeof *t->step);
    for (round = 0; round < GMLP__PATCH_ROUNDS; round++) {
        gmlp__subtract_sums(r, t, t->codes);
        gmlp__add_up(t, round > 1 ? 0.5f : 0.0f);
    }
    for (i = 0; i < count * 3; i++) {
        t->codes[i] = (uint8_t)(t->large[i] + 0.5f);
        t->large[i] = (float)t->codes[i];
    }
    if (r->base->space == GMLP_SYCC) gmlp__codes_to_sycc(t->codes, count);
}

/* The wanted pixels of the base in the wide space. Those of Y'CbCr lie beyond 0 and 255, and its codes were not cut. */
static void gmlp__small_plain(const gmlp__resized *r, const gmlp__tile *t) {
    const uint32_t width = t->side[0].to - t->side[0].from, height = t->side[1].to - t->side[1].from;
    const gmlp_image base = gmlp__part_of(r->base, t->side[0].from, t->side[1].from, width, height),
                     wide = gmlp__packed(t->wide, width, height, GMLP_F32, r->channels, GMLP_SPACE_NONE);
    const size_t samples = width * r->channels;
    float *to = t->wide;
    uint32_t y;
    size_t i;
    if (base.space == GMLP_SYCC) {
        gmlp_converter_rows(r->plain, &base, &wide);
        return;
    }
    for (y = 0; y < height; y++, to += samples) {
        const uint8_t *codes = gmlp__row(&base, y);
        for (i = 0; i < samples; i++) to[i] = (i % r->channels < 3 ? r->code[codes[i]] : (float)codes[i]) / 255.0f;
    }
    gmlp_converter_rows(r->shown, &wide, &wide);
}

/* Subtracts from that what the codes found come to. */
static void gmlp__subtract_found(const gmlp__resized *r, const gmlp__tile *t) {
    const gmlp__tile_side *const columns = &t->side[0], *const rows = &t->side[1];
    const size_t width = columns->to - columns->from, height = rows->to - rows->from, pixels = width * height;
    const gmlp_image found = gmlp__packed(t->shrunk, (uint32_t)width, (uint32_t)height, GMLP_F32, 3, GMLP_SPACE_NONE);
    uint32_t y;
    size_t i, c;
    memset(t->shrunk, 0, pixels * 3 * sizeof *t->shrunk);
    for (y = rows->large_from; y < rows->large_to; y++) {
        gmlp__row_down(columns, GMLP__GIVEN,
                       t->large + (size_t)(y - rows->large_low) * (columns->large_high - columns->large_low) * 3,
                       columns->large_low, t->row, columns->from, columns->to);
        gmlp__add_down(rows, GMLP__GIVEN, y, t->row, 1.0f, t->shrunk, width, 3, rows->from, rows->to);
    }
    for (i = 0; i < pixels * 3; i++) {
        const float v = t->shrunk[i];
        t->shrunk[i] = (v > 0.0f ? v < 255.0f ? v : 255.0f : 0.0f) / 255.0f;
    }
    gmlp_converter_rows(r->shown, &found, &found);
    for (i = 0; i < pixels; i++)
        for (c = 0; c < 3; c++) t->wide[i * r->channels + c] -= t->shrunk[3 * i + c];
}

/* Adds what they are decoded to. */
static gmlp_result gmlp__add_decoded(const gmlp__resized *r, const gmlp__tile *t) {
    const gmlp__tile_side *const columns = &t->side[0], *const rows = &t->side[1];
    const uint32_t from = columns->large_from, width = columns->large_to - from, wanted = columns->to - columns->from;
    const gmlp_image codes = gmlp__packed(t->codes, columns->large_high - columns->large_low,
                                          rows->large_high - rows->large_low, GMLP_U8, 3, r->base->space);
    uint32_t y, i, n;
    for (y = rows->large_from; y < rows->large_to; y += n) {
        gmlp_image out;
        gmlp_result result;
        n = rows->large_to - y < (uint32_t)GMLP__PATCH_STRIP ? rows->large_to - y : (uint32_t)GMLP__PATCH_STRIP;
        out = gmlp__packed(t->decoded, width, n, GMLP_F32, 3, GMLP_SPACE_NONE);
        result = gmlp_decoder_rows(r->decoder, &codes, columns->large_low, rows->large_low, &out, from, y, t->scratch);
        if (result) return result;
        for (i = 0; i < n; i++) {
            gmlp__row_down(columns, GMLP__GIVEN, t->decoded + (size_t)i * width * 3, from, t->row, columns->from,
                           columns->to);
            gmlp__add_down(rows, GMLP__GIVEN, y + i, t->row, 1.0f, t->wide, wanted, r->channels, rows->from, rows->to);
        }
    }
    return GMLP_OK;
}

static void gmlp__write_wide(const gmlp__resized *r, const gmlp__tile *t) {
    const uint32_t width = t->side[0].to - t->side[0].from, height = t->side[1].to - t->side[1].from;
    const gmlp_image wide = gmlp__packed(t->wide, width, height, GMLP_F32, r->channels, GMLP_SPACE_NONE);
    const size_t count = (size_t)width * height;
    gmlp_image out = r->out;
    float *p = t->wide;
    size_t i, c;
    for (i = 0; i < count; i++, p += r->channels)
        for (c = 0; c < 3; c++) p[c] = p[c] > 0.0f ? p[c] < 1.0f ? p[c] : 1.0f : 0.0f;
    out.data = gmlp__row(&out, t->side[1].from - r->y) +
               (t->side[0].from - r->x) * gmlp__step(out.type, out.channels, out.plane_stride);
    if (!out.stride) out.stride = gmlp__stride(&r->out);
    out.width = width;
    out.height = height;
    gmlp_converter_rows(r->pixels, &wide, &out);
}

static void gmlp__side_of(const gmlp__axis *a, uint32_t tile, uint32_t at, uint32_t n, gmlp__tile_side *s) {
    const uint32_t first = tile * (uint32_t)GMLP__PATCH, last = first + (uint32_t)GMLP__PATCH;
    const uint32_t low = first > a->around ? first - a->around : 0,
                   high = last + a->around < a->shrunk ? last + a->around : a->shrunk;
    s->from = first > at ? first : at;
    s->to = last < at + n ? last : at + n;
    s->low = low;
    s->high = high;
    s->large_low = gmlp__large_low(a, low);
    s->large_high = gmlp__large_high(a, high);
    s->large_from = gmlp__large_low(a, s->from > low + a->reach ? s->from - a->reach : low);
    s->large_to = gmlp__large_high(a, s->to + a->reach < high ? s->to + a->reach : high);
    gmlp__side_fill(s, a);
}

/* Where the parts of a job's memory are, which may be NULL; its size. */
static size_t gmlp__tile_memory(const gmlp__resized *r, unsigned char *memory, gmlp__tile *t) {
    const size_t width = r->axis[0].side, height = r->axis[1].side, columns = r->axis[0].most, rows = r->axis[1].most,
                 pixels = (size_t)GMLP__PATCH * GMLP__PATCH * 4;
    const size_t floats[6] = {width * height * 3, columns * rows * 3, columns * rows * 3,
                              (columns > width ? columns : width) * 3, columns * GMLP__PATCH_STRIP * 3, pixels};
    float **const part[6] = {&t->shrunk, &t->large, &t->step, &t->row, &t->decoded, &t->wide};
    const size_t codes = (columns > width ? columns : width) * (rows > height ? rows : height) * 3;
    size_t size = 0, i, k;
    for (i = 0; i < 6; i++) {
        if (memory) *part[i] = (float *)(void *)(memory + size);
        size += floats[i] * sizeof(float);
    }
    for (i = 0; i < 2; i++) {
        gmlp__tile_side *const s = &t->side[i];
        const size_t side = r->axis[i].side;
        for (k = 0; k < GMLP__SUMS; k++) {
            if (memory) {
                s->first[k] = (uint32_t *)(void *)(memory + size);
                s->count[k] = s->first[k] + side;
                s->weight[k] = (float *)(void *)(s->count[k] + side);
            }
            size += side * (2 * sizeof(uint32_t) + r->axis[i].taps * sizeof(float));
        }
        if (memory) {
            s->before = (uint32_t *)(void *)(memory + size);
            s->beyond = (float *)(void *)(s->before + r->axis[i].most);
        }
        size += r->axis[i].most * (sizeof(uint32_t) + sizeof(float));
    }
    if (memory) {
        t->codes = memory + size;
        t->scratch = memory + size + codes;
    }
    return (size + codes + r->decoder_scratch + 15) & ~(size_t)15;
}

/* How far the codes of some tiles are from those that the codes found come to. */
static double gmlp__codes_off(const gmlp__resized *r, gmlp__tile *t) {
    const size_t across = (r->base->width - 1) / GMLP__PATCH + 1,
                 tiles = across * ((r->base->height - 1) / GMLP__PATCH + 1);
    double off = 0.0;
    size_t i, k, samples;
    for (k = 0; k < (size_t)GMLP__PATCHES_TRIED; k++) {
        const size_t tile = tiles * (2 * k + 1) / (2 * (size_t)GMLP__PATCHES_TRIED);
        gmlp__side_of(&r->axis[0], (uint32_t)(tile % across), 0, r->base->width, &t->side[0]);
        gmlp__side_of(&r->axis[1], (uint32_t)(tile / across), 0, r->base->height, &t->side[1]);
        gmlp__find_codes(r, t);
        samples = (size_t)(t->side[0].high - t->side[0].low) * (t->side[1].high - t->side[1].low) * 3;
        for (i = 0; i < samples; i++) off += (double)t->shrunk[i] * (double)t->shrunk[i];
    }
    return off;
}

/* Programs that make a picture larger lay the middles of its sides on each other or, as libvips 8.14 does, are half a
   pixel beside that, and may mirror it then. There the codes found come nearest to the base's. */
static void gmlp__find_shift(gmlp__resized *r, gmlp__tile *t) {
    const gmlp__fp_state fp = gmlp__fp_enter();
    double least = -1.0, off;
    int axis, side;
    for (axis = 0; axis < 2; axis++) {
        gmlp__axis *const a = &r->axis[axis];
        double best = 0.0;
        if (a->large >= a->shrunk) continue;
        if (least < 0.0) least = gmlp__codes_off(r, t);
        for (side = -1; side < 2; side += 2) {
            a->shift = gmlp__dmul((double)side * 0.5, (double)a->large / (double)a->shrunk);
            off = gmlp__codes_off(r, t);
            if (off >= gmlp__dmul(least, 0.9)) continue;
            least = off;
            best = a->shift;
        }
        a->shift = best;
    }
    gmlp__fp_leave(fp);
}

static void gmlp__resized_job(void *ctx, size_t job) {
    gmlp__resized *r = (gmlp__resized *)ctx;
    gmlp__tile t;
    size_t k;
    memset(&t, 0, sizeof t);
    gmlp__tile_memory(r, r->scratch + job * r->scratch_size, &t);
    r->status[job] = GMLP_OK;
    for (k = job; k < r->tiles && !r->status[job]; k += r->jobs) {
        gmlp__side_of(&r->axis[0], r->x / (uint32_t)GMLP__PATCH + (uint32_t)(k % r->across), r->x, r->out.width,
                      &t.side[0]);
        gmlp__side_of(&r->axis[1], r->y / (uint32_t)GMLP__PATCH + (uint32_t)(k / r->across), r->y, r->out.height,
                      &t.side[1]);
        gmlp__find_codes(r, &t);
        gmlp__small_plain(r, &t);
        gmlp__subtract_found(r, &t);
        r->status[job] = gmlp__add_decoded(r, &t);
        if (!r->status[job]) gmlp__write_wide(r, &t);
    }
}

/* The net as it was for the large picture, whose pixels lie as the base's do. */
static gmlp_net gmlp__net_of_large(const gmlp_net *net, const gmlp__axis axis[2]) {
    gmlp_net large = *net;
    gmlp_coords *const c = &large.coords;
    float *const at[2] = {c->transpose ? &c->row : &c->col, c->transpose ? &c->col : &c->row};
    float *const step[2] = {c->transpose ? &c->row_step : &c->col_step, c->transpose ? &c->col_step : &c->row_step};
    int i;
    for (i = 0; i < 2; i++) {
        const double ratio = (double)axis[i].shrunk / (double)axis[i].large;
        *at[i] = (float)((double)*at[i] + gmlp__dmul((double)*step[i], 0.5 * ratio - 0.5));
        *step[i] = (float)gmlp__dmul((double)*step[i], ratio);
    }
    large.base_width = axis[0].large;
    large.base_height = axis[1].large;
    return large;
}

/* The space whose codes are averaged: the wide one, which originals are stored in; an HDR curve is for more light than
   the network gives. */
static int gmlp__averaged_space(int space) {
    return space == GMLP_REC2020_PQ || space == GMLP_REC2020_HLG ? (int)GMLP_REC2020 : space;
}

static gmlp_result gmlp__resized_open(gmlp__resized *r, const gmlp_net *net, const double step[2],
                                      const gmlp_decode_opts *o) {
    const int wide = gmlp__averaged_space(net->wide_space);
    const gmlp__fp_state fp = gmlp__fp_enter();
    gmlp_net large;
    gmlp_decoder_opts decoder;
    gmlp_convert_opts c;
    gmlp_result result;
    uint32_t last;
    gmlp__axis_size(&r->axis[0], r->base->width, step[0]);
    gmlp__axis_size(&r->axis[1], r->base->height, step[1]);
    large = gmlp__net_of_large(net, r->axis);
    gmlp__axis_tile(&r->axis[0], gmlp_net_halo(&large));
    gmlp__axis_tile(&r->axis[1], gmlp_net_halo(&large));
    gmlp__fp_leave(fp);
    memset(&decoder, 0, sizeof decoder);
    memset(&c, 0, sizeof c);
    decoder.x = gmlp__large_low(&r->axis[0], r->x > r->axis[0].reach ? r->x - r->axis[0].reach : 0);
    last = r->x + r->out.width + r->axis[0].reach;
    decoder.width = gmlp__large_high(&r->axis[0], last < r->base->width ? last : r->base->width) - decoder.x;
    c.isa = decoder.isa = o->decoder.isa;
    c.alloc = decoder.alloc = o->decoder.alloc;
    c.adaptation = net->adaptation;
    result = gmlp_decoder_create(&large, GMLP_F32, wide, &decoder, &r->decoder);
    if (!result) result = gmlp_converter_create(GMLP_U8, net->base_space, GMLP_F32, wide, &c, &r->plain);
    if (!result) result = gmlp_converter_create(GMLP_U8, net->base_space, GMLP_U8, GMLP_SRGB, &c, &r->rgb);
    if (!result) result = gmlp_converter_create(GMLP_F32, GMLP_SRGB, GMLP_F32, wide, &c, &r->shown);
    c.white_nits = o->decoder.white_nits > 0.0 ? o->decoder.white_nits : (double)net->white_nits;
    c.scale = o->decoder.scale;
    c.clamp_negative = o->decoder.clamp_negative;
    c.alpha = o->decoder.alpha;
    c.primaries = o->decoder.primaries;
    if (!result) result = gmlp_converter_create(GMLP_F32, wide, r->out.type, r->out.space, &c, &r->pixels);
    return result;
}

/* Memory for the jobs, and all tiles. */
static gmlp_result gmlp__resized_run(gmlp__resized *r, const gmlp_decode_opts *o) {
    const gmlp_alloc *alloc = &o->decoder.alloc;
    gmlp_result result = GMLP_OK;
    gmlp__tile t;
    size_t i;
    r->across = (r->x + r->out.width - 1) / GMLP__PATCH - r->x / GMLP__PATCH + 1;
    r->tiles = (size_t)r->across * ((r->y + r->out.height - 1) / GMLP__PATCH - r->y / GMLP__PATCH + 1);
    r->jobs = !o->threads.parallel_for ? 1 : r->tiles < GMLP__PATCH_JOBS ? r->tiles : (size_t)GMLP__PATCH_JOBS;
    r->decoder_scratch = gmlp_decoder_scratch_size(r->decoder, r->axis[0].most);
    r->scratch_size = gmlp__tile_memory(r, NULL, &t);
    r->scratch = (unsigned char *)gmlp__alloc(alloc, r->jobs * r->scratch_size);
    if (!r->scratch) return GMLP_E_MEMORY;
    gmlp__tile_memory(r, r->scratch, &t);
    gmlp__find_shift(r, &t);
    gmlp__run(&o->threads, gmlp__resized_job, r, r->jobs);
    for (i = 0; i < r->jobs && !result; i++) result = r->status[i];
    gmlp__free(alloc, r->scratch, r->jobs * r->scratch_size);
    return result;
}

/* 1 if most of the rows that a picture has more than the one trained on repeat others: codes were not averaged. */
static int gmlp__rows_repeat(const gmlp_image *base, double step) {
    const size_t bytes = base->width * gmlp__step(base->type, base->channels, base->plane_stride);
    uint32_t y, same = 0;
    if (step >= 0.9) return 0;
    for (y = 1; y < base->height; y++) same += !memcmp(gmlp__row(base, y - 1), gmlp__row(base, y), bytes);
    return (double)same > gmlp__dmul((1.0 - step) * 0.5, (double)base->height);
}

GMLP_DEF gmlp_result gmlp_decode_resized(const gmlp_net *net, const gmlp_image *base, const gmlp_image *out,
                                         double lost, const gmlp_decode_opts *opts) {
    gmlp_decode_opts o;
    gmlp__resized r;
    gmlp_result result;
    double step[2];
    int i;
    if (!net || !base || !out || !(lost >= 0.0 && lost <= 1.0)) return GMLP_E_ARGUMENT;
    step[0] = (double)(net->coords.transpose ? net->coords.row_step : net->coords.col_step);
    step[1] = (double)(net->coords.transpose ? net->coords.col_step : net->coords.row_step);
    for (i = 0; i < 2; i++) step[i] = step[i] < 0.0 ? 0.0 - step[i] : step[i];
    if (net->method != GMLP_METHOD_RESIDUAL || net->mask != GMLP_MASK_SATURATED ||
        !(lost > 0.0 || gmlp__dmul(step[0], step[1]) > 1.1 || gmlp__dmul(step[0], step[1]) < 0.9) ||
        (net->base_space == GMLP_SYCC && gmlp_net_check(net, base) == GMLP_OK))
        return gmlp_decode(net, base, out, opts);
    memset(&o, 0, sizeof o);
    memset(&r, 0, sizeof r);
    if (opts) o = *opts;
    if (!gmlp__codes_ok(base) || gmlp__check_pixels(out) || out->data == base->data || out->space == GMLP_SYCC ||
        !gmlp__white_nits_ok(o.decoder.white_nits) || !(o.decoder.headroom >= 0.0) || gmlp__net_check(net, NULL))
        return GMLP_E_ARGUMENT;
    if (base->space != net->base_space) return GMLP_E_BASE_SPACE;
    if (o.base_x || o.base_y || base->width != net->base_width || base->height != net->base_height)
        return GMLP_E_MISMATCH;
    if (o.x >= base->width || o.y >= base->height || out->width > base->width - o.x || out->height > base->height - o.y)
        return GMLP_E_OUT_VIEW;
    if (gmlp__rows_repeat(base, step[1])) return gmlp_decode(net, base, out, opts);
    r.base = base;
    r.out = *out;
    if (!r.out.space) r.out.space = net->wide_space;
    r.x = o.x;
    r.y = o.y;
    r.channels = base->channels == 4 ? 4 : 3;
    for (i = 0; i < 256; i++) r.code[i] = (float)i + (i > 0 && i < 255 ? (float)lost : 0.0f);
    result = gmlp__resized_open(&r, net, step, &o);
    if (!result) result = gmlp__resized_run(&r, &o);
    gmlp_converter_free(r.plain);
    gmlp_converter_free(r.rgb);
    gmlp_converter_free(r.shown);
    gmlp_converter_free(r.pixels);
    gmlp_decoder_free(r.decoder);
    return result;
}

#ifndef GMLP_DECODE_ONLY
/* Where a place counted from the base's upper left corner is in the original, counted alike, along one axis. */
static double gmlp__edge_of(double at, double step, double place) {
    return at + gmlp__dmul(step, place - 0.5) + 0.5;
}

/* A mark with what is known of it from several sizes. */
typedef struct gmlp__candidate {
    double x, y;
    int32_t strength;
    uint32_t bits, seen, cell;
    int taken;
} gmlp__candidate;

static void gmlp__candidate_of(const gmlp__levels *ls, const gmlp__mark *m, double scale, int orientation,
                               gmlp__candidate *c) {
    const double limit = gmlp__dmul(0.7 / scale, 0.7 / scale);
    uint32_t set[GMLP__DETAIL], i, k, places = 1;
    double x = m->x, y = m->y;
    for (k = 0; k < GMLP__DETAIL; k++) set[k] = m->bits[orientation] >> k & 1u;
    c->seen = 1;
    for (i = 1; i < ls->count; i++) {
        const gmlp__level *const l = &ls->level[i];
        const gmlp__mark *same = NULL;
        double best = limit;
        for (k = 0; k < l->count; k++) {
            const gmlp__mark *const o = &l->marks[k];
            const double off = gmlp__dmul(o->x - m->x, o->x - m->x) + gmlp__dmul(o->y - m->y, o->y - m->y);
            if ((o->strength < 0) != (m->strength < 0) || off >= best ||
                gmlp__bits_set(o->bits[orientation] ^ m->bits[orientation]) > GMLP__DETAIL_OFF)
                continue;
            best = off;
            same = o;
        }
        if (!same) continue;
        for (k = 0; k < GMLP__DETAIL; k++) set[k] += same->bits[orientation] >> k & 1u;
        c->seen++;
        if (i > 2) continue; /* the nearer sizes say where it is */
        x += same->x;
        y += same->y;
        places++;
    }
    c->x = x / (double)places;
    c->y = y / (double)places;
    c->strength = gmlp__away32(m->strength);
    c->bits = m->strength < 0 ? 1u << GMLP__DETAIL : 0u;
    for (k = 0; k < GMLP__DETAIL; k++) c->bits |= (uint32_t)(2 * set[k] > c->seen) << k;
    c->cell = (uint32_t)(gmlp__dmul(m->y, scale) / 64.0) * 16 + (uint32_t)(gmlp__dmul(m->x, scale) / 64.0);
    c->taken = 0;
}

/* A place as the blob says it. A stranger's coordinates may put it outside the picture trained on: then its edge. */
static uint32_t gmlp__step_of(double share) {
    const double v = gmlp__dmul(share, (double)GMLP__PLACES) + 0.5;
    return v > 0.0 ? v < (double)GMLP__PLACES ? (uint32_t)v : GMLP__PLACES - 1 : 0;
}

/* Chooses up to n landmarks, the most useful first: those seen in all sizes, the strongest of each square, then of what
   is left. Returns how many, in out as the blob has them. */
static uint32_t gmlp__candidates_choose(gmlp__candidate *c, uint32_t count, double longer, uint32_t n, uint8_t *out) {
    uint32_t chosen = 0, pass, i;
    for (pass = 0; pass < 10 && chosen < n; pass++) {
        uint8_t in_cell[256];
        memset(in_cell, 0, sizeof in_cell);
        for (i = 0; i < count; i++) in_cell[c[i].cell & 255u] = (uint8_t)(in_cell[c[i].cell & 255u] + c[i].taken);
        for (;;) {
            gmlp__candidate *best = NULL;
            uint32_t x, y;
            for (i = 0; i < count; i++)
                if (!c[i].taken && in_cell[c[i].cell & 255u] <= pass / 2 && c[i].seen >= (pass & 1 ? 4u : 5u) &&
                    (!best || c[i].strength > best->strength))
                    best = &c[i];
            if (!best || chosen == n) break;
            best->taken = 1;
            in_cell[best->cell & 255u]++;
            x = gmlp__step_of(best->x / longer);
            y = gmlp__step_of(best->y / longer);
            out[0] = (uint8_t)(x & 255);
            out[1] = (uint8_t)(x >> 8 | (y & 15u) << 4);
            out[2] = (uint8_t)(y >> 4);
            out[3] = (uint8_t)(best->bits & 255);
            out[4] = (uint8_t)(best->bits >> 8);
            out += GMLP__LANDMARK_BYTES;
            chosen++;
        }
    }
    return chosen;
}

/* The landmarks of net's base as a section's bytes, the most useful first; *count: how many. */
static gmlp_result gmlp__landmarks_make(const gmlp_net *net, const gmlp_image *base, const gmlp_threads *threads,
                                        uint8_t *out, uint32_t *count) {
    static const double sizes[5] = {1.0, 0.955, 1.05, 0.9, 1.11};
    const gmlp_coords *const c = &net->coords;
    const gmlp_alloc *const alloc = &net->alloc;
    const double across = gmlp__positive((double)(c->transpose ? c->row_step : c->col_step)),
                 down = gmlp__positive((double)(c->transpose ? c->col_step : c->row_step)),
                 scale = gmlp__landmark_scale(net->width, net->height);
    const int orientation = (c->transpose ? GMLP__TRANSPOSED : 0) | (c->col_step < 0.0f ? GMLP__COLUMNS_BACK : 0) |
                            (c->row_step < 0.0f ? GMLP__ROWS_BACK : 0);
    gmlp__candidate *candidates = NULL;
    gmlp__sheet sheet;
    gmlp__levels ls;
    gmlp_result result = gmlp__sheet_open(&sheet, base, alloc);
    size_t size = 0;
    uint32_t i;
    *count = 0;
    if (result) return result == GMLP_E_OTHER_PICTURE ? GMLP_OK : result;
    for (i = 0, ls.count = 0; i < 5; i++) {
        const double to = gmlp__dmul(scale, sizes[i]);
        gmlp__levels_add(&ls, &sheet, gmlp__dmul(gmlp__dmul((double)base->width, across), to),
                         gmlp__dmul(gmlp__dmul((double)base->height, down), to), 3,
                         i ? GMLP__MARK_EDGE - 2 : GMLP__MARK_EDGE);
    }
    if (ls.count == 5) {
        result = gmlp__levels_open(&ls, alloc, threads);
        size = result ? 0 : ls.level[0].count * sizeof *candidates;
        if (size && !(candidates = (gmlp__candidate *)gmlp__alloc(alloc, size))) result = GMLP_E_MEMORY;
        if (candidates) {
            for (i = 0; i < ls.level[0].count; i++) {
                gmlp__candidate *const one = &candidates[i];
                double x, y;
                gmlp__candidate_of(&ls, &ls.level[0].marks[i], gmlp__dmul(scale, across), orientation, one);
                x = one->x;
                y = one->y;
                one->x = gmlp__edge_of((double)c->col, (double)c->col_step, c->transpose ? y : x);
                one->y = gmlp__edge_of((double)c->row, (double)c->row_step, c->transpose ? x : y);
            }
            *count = gmlp__candidates_choose(candidates, ls.level[0].count, gmlp__longer(net->width, net->height),
                                             GMLP_MAX_LANDMARKS, out);
        }
        gmlp__free(alloc, candidates, size);
        gmlp__levels_close(&ls, alloc);
    }
    gmlp__sheet_close(&sheet);
    return result;
}

/* How a net's base is turned by each EXIF orientation, from the second on. */
static const uint8_t gmlp__turns[7] = {GMLP__COLUMNS_BACK, GMLP__COLUMNS_BACK | GMLP__ROWS_BACK, GMLP__ROWS_BACK,
                                       GMLP__TRANSPOSED, GMLP__TRANSPOSED | GMLP__ROWS_BACK,
                                       GMLP__TRANSPOSED | GMLP__COLUMNS_BACK | GMLP__ROWS_BACK,
                                       GMLP__TRANSPOSED | GMLP__COLUMNS_BACK};

/* The edit of net's base that g asks for; 0 if there is none such, or it does not make a base of that size. */
static int gmlp__edit_of(const gmlp_net *net, const gmlp_geometry *g, const gmlp_image *base, gmlp_edit *e) {
    const int turn = g->orientation > 1 ? g->orientation <= 8 ? gmlp__turns[g->orientation - 2] : -1 : 0;
    const uint32_t part[2] = {g->width ? g->width : net->base_width, g->height ? g->height : net->base_height},
                   size[2] = {g->to_width ? g->to_width : part[0], g->to_height ? g->to_height : part[1]};
    const int lies = turn & GMLP__TRANSPOSED ? 1 : 0, was = net->coords.transpose != 0;
    double from[2], step[2], col, row;
    int k;
    if (turn < 0 || g->orientation < 0 || !g->width != !g->height || !g->to_width != !g->to_height ||
        gmlp__outside(g->x, part[0], net->base_width) || gmlp__outside(g->y, part[1], net->base_height) ||
        base->width != size[lies] || base->height != size[!lies])
        return 0;
    for (k = 0; k < 2; k++) { /* along the sides of the base as it was */
        const int back = turn & (k ? GMLP__ROWS_BACK : GMLP__COLUMNS_BACK);
        step[k] = (double)part[k] / (double)size[k];
        from[k] = (double)(k ? g->y : g->x) + gmlp__dmul(step[k], back ? (double)size[k] - 0.5 : 0.5) - 0.5;
        if (back) step[k] = -step[k];
    }
    col = (double)net->coords.col + gmlp__dmul((double)net->coords.col_step, from[was]);
    row = (double)net->coords.row + gmlp__dmul((double)net->coords.row_step, from[!was]);
    e->coords.col = (float)col;
    e->coords.col_step = (float)gmlp__dmul((double)net->coords.col_step, step[was]);
    e->coords.row = (float)row;
    e->coords.row_step = (float)gmlp__dmul((double)net->coords.row_step, step[!was]);
    e->coords.transpose = was ^ lies;
    e->width = base->width;
    e->height = base->height;
    return 1;
}

/* The landmarks that are in net's base: out, and how many. */
static uint32_t gmlp__landmarks_left(const gmlp_net *net, uint8_t *out) {
    const gmlp_coords *const c = &net->coords;
    const double columns = (double)(c->transpose ? net->base_height : net->base_width),
                 rows = (double)(c->transpose ? net->base_width : net->base_height);
    gmlp__landmark mark[GMLP_MAX_LANDMARKS];
    size_t size;
    const uint8_t *p = gmlp_net_section(net, GMLP_SECTION_LANDMARKS, &size);
    uint32_t n = gmlp__landmarks_read(net, mark), i, left = 0;
    for (i = 0; i < n; i++) {
        const double u = (mark[i].u - gmlp__edge_of((double)c->col, (double)c->col_step, 0.0)) / (double)c->col_step,
                     v = (mark[i].v - gmlp__edge_of((double)c->row, (double)c->row_step, 0.0)) / (double)c->row_step;
        if (u < 0.0 || v < 0.0 || u > columns || v > rows) continue;
        memcpy(out + left++ * GMLP__LANDMARK_BYTES, p + i * GMLP__LANDMARK_BYTES, GMLP__LANDMARK_BYTES);
    }
    return left;
}

/* Sections that tell of the base, anew or as far as they still hold. cut: it is not the whole of what it was. */
static gmlp_result gmlp__sections_edit(gmlp_net *net, const gmlp_image *base, int cut) {
    static const uint8_t unmeasured[4] = {0, 0, 0, 0};
    uint8_t left[GMLP_MAX_LANDMARKS * GMLP__LANDMARK_BYTES], made[GMLP_MAX_LANDMARKS * GMLP__LANDMARK_BYTES];
    uint32_t had, stay, found, n;
    gmlp_result result;
    size_t size;
    if (net->method == GMLP_METHOD_NONE) return GMLP_OK;
    if (cut || gmlp_net_check(net, base) == GMLP_OK) gmlp__sign(net, base); /* else it is clipped, and that stays */
    if (net->coords.transpose && !net->section_bytes) /* version 4: b1 stays where it was */
        gmlp_net_section_set(net, GMLP_SECTION_QUALITY, unmeasured, sizeof unmeasured);
    gmlp_net_section(net, GMLP_SECTION_LANDMARKS, &size);
    had = (uint32_t)(size / GMLP__LANDMARK_BYTES);
    stay = gmlp__landmarks_left(net, left);
    if (!had || stay == had) return GMLP_OK;
    result = gmlp__landmarks_make(net, base, NULL, made, &found);
    if (result) return result;
    n = found > had ? had : found; /* no more bytes than before */
    n = n > stay ? n : stay;
    return gmlp_net_section_set(net, GMLP_SECTION_LANDMARKS,
                                n < GMLP__LANDMARKS_FEW ? NULL : n == stay ? left : made, n * GMLP__LANDMARK_BYTES);
}

GMLP_DEF gmlp_result gmlp_net_edit(gmlp_net *net, const gmlp_geometry *geometry, const gmlp_image *base) {
    gmlp_edit edit;
    gmlp_signature signature;
    gmlp_net next;
    gmlp__fp_state fp;
    gmlp_result result;
    int cut;
    memset(&edit, 0, sizeof edit);
    if (!net || !geometry || !gmlp__codes_ok(base) || gmlp__net_check(net, NULL)) return GMLP_E_ARGUMENT;
    if ((net->base_space == GMLP_SYCC) != (base->space == GMLP_SYCC)) return GMLP_E_BASE_SPACE;
    cut = geometry->width && (geometry->width != net->base_width || geometry->height != net->base_height);
    fp = gmlp__fp_enter();
    result = gmlp__edit_of(net, geometry, base, &edit) ? GMLP_OK : GMLP_E_ARGUMENT;
    if (!result) {
        gmlp_signature_begin(&signature, base->width, base->height);
        gmlp_signature_rows(&signature, base, 0);
        gmlp_signature_finish(&signature, edit.signature);
        next = *net;
        gmlp_net_follow(&next, &edit);
        result = gmlp__net_check(&next, NULL) ? GMLP_E_ARGUMENT : gmlp__sections_edit(&next, base, cut);
    }
    gmlp__fp_leave(fp);
    if (!result) *net = next;
    return result;
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>device: the heavy work on another processor
*/
static gmlp_result gmlp__decode_there(const gmlp_device *device, const gmlp_decoder *decoder, const gmlp_image *base,
                                      const gmlp_image *out, const gmlp_decode_opts *o) {
    void *handle;
    gmlp_result result = device->decoder_create(device->user, decoder, &handle);
    if (result) return result;
    result = device->decoder_rows(handle, base, o->base_x, o->base_y, out, o->x, o->y);
    device->decoder_free(handle);
    return result;
}

static gmlp_device_reader gmlp__reader(const gmlp__loader *l, const gmlp_image *im) {
    gmlp_device_reader r;
    memset(&r, 0, sizeof r);
    r.type = l->type;
    r.channels = im ? gmlp__channels(im->type, im->channels) : l->channels;
    r.sycc = l->sycc;
    r.table = l->table;
    r.curve = l->curve;
    r.system_gamma = l->system_gamma;
    return r;
}

static gmlp_device_signals gmlp__signals(const gmlp__domain *d) {
    gmlp_device_signals s;
    memset(&s, 0, sizeof s);
    if (d->method && d->method->family->open) {
        s.signal = &d->signal;
        s.light = &d->light;
    }
    s.signal_max = d->signal_max;
    s.weight = d->weight;
    return s;
}

static gmlp_device_writer gmlp__writer(const gmlp__storer *s) {
    gmlp_device_writer w;
    memset(&w, 0, sizeof w);
    w.type = s->type;
    w.channels = s->channels;
    w.alpha = s->alpha;
    w.integer = s->integer;
    w.unit = s->unit;
    w.clamp_negative = s->clamp_negative;
    w.offset = s->offset;
    w.curve = s->curve;
    w.system_gamma = s->system_gamma;
    w.table = s->table;
    return w;
}

GMLP_DEF void gmlp_decoder_plan_of(const gmlp_decoder *decoder, gmlp_decoder_plan *plan) {
    const gmlp_decoder *const d = decoder;
    if (!plan) return;
    memset(plan, 0, sizeof *plan);
    if (!d) return;
    plan->width = d->frame.width;
    plan->height = d->frame.height;
    plan->x = d->frame.x;
    plan->columns = d->frame.columns;
    plan->halo = d->frame.halo;
    plan->network = d->network;
    plan->method = d->method;
    plan->inputs = d->inputs;
    plan->mask = d->mask;
    plan->clip_margin = d->clip_margin;
    memcpy(plan->radius, d->radius, sizeof plan->radius);
    plan->windows = (int)d->windows;
    plan->base = gmlp__reader(&d->convert.loader, NULL);
    plan->shares = d->convert.shares;
    memcpy(plan->matrix, d->convert.matrix, sizeof plan->matrix);
    plan->mixes = d->convert.mixes;
    plan->out = gmlp__writer(&d->convert.storer);
    memcpy(plan->to_wide, d->to_wide, sizeof plan->to_wide);
    memcpy(plan->to_out, d->to_out, sizeof plan->to_out);
    plan->leaves = d->leaves;
    plan->domain = gmlp__signals(&d->domain);
    plan->direct = d->domain.direct;
    plan->coded = gmlp__writer(&d->coded);
    plan->whole_numbers = d->fixed_point;
    plan->pairs = d->fixed.pairs;
    plan->column = d->fixed.columns;
    plan->codes = d->fixed.codes;
    plan->w2 = d->fixed.w2;
    plan->b2 = d->fixed.b2;
    plan->w3 = d->fixed.w3;
    memcpy(plan->scale, d->fixed.scale, sizeof plan->scale);
    memcpy(plan->bias, d->fixed.bias, sizeof plan->bias);
    plan->mlp = d->mlp;
    plan->features = d->shape.features;
    plan->wide = d->shape.wide;
    plan->weights = d->block;
    plan->input_mean = d->domain.scale.input_mean;
    plan->input_range = d->domain.scale.input_range;
    plan->transpose = d->coords.transpose;
}

GMLP_DEF void gmlp_decoder_lines(const gmlp_decoder *decoder, uint32_t y, uint32_t n, int32_t *lines) {
    const gmlp_decoder *const d = decoder;
    const gmlp__fp_state fp = gmlp__fp_enter();
    float place[GMLP__BATCH];
    uint32_t i, m;
    for (; d && d->fixed_point && n; y += m, n -= m, lines += m * d->fixed.pairs) {
        m = n < GMLP__BATCH ? n : GMLP__BATCH;
        for (i = 0; i < m; i++) place[i] = gmlp__place(d, 1, y + i);
        gmlp__fixed_entries(d, d->coords.transpose ? 1 : 0, place, m, d->place_bias[1], lines);
    }
    gmlp__fp_leave(fp);
}

GMLP_DEF float gmlp_decoder_place(const gmlp_decoder *decoder, int vertical, uint32_t i) {
    return decoder ? gmlp__place(decoder, vertical, i) : 0.0f;
}

#ifndef GMLP_DECODE_ONLY
/* ---------------------------------------------------------------------------------------
   >>shaders: a decoder's numbers for shaders
*/

enum { GMLP__SHADER_HEAD = 24, GMLP__SHADER_SPAN = 256 * 4 };
/* Tables, in the order of words 12..18. */
enum {
    GMLP__SHADER_SHARES, GMLP__SHADER_FIRST, GMLP__SHADER_CODES, GMLP__SHADER_SECOND, GMLP__SHADER_THIRD,
    GMLP__SHADER_COLUMNS, GMLP__SHADER_ROWS, GMLP__SHADER_TABLES
};

typedef struct gmlp__shader {
    const gmlp_decoder *d;
    uint32_t *words;
    size_t neurons, inputs, columns, rows, odd_words; /* odd_words: of a code, column or row */
    size_t at[GMLP__SHADER_TABLES], signal, light, end; /* where tables are, in fours of words */
} gmlp__shader;

static void gmlp__shader_plan(gmlp__shader *p, const gmlp_decoder *d) {
    const size_t hdr = d->domain.method->family->open ? sizeof(float) : 0;
    size_t *const at = p->at;
    memset(p, 0, sizeof *p);
    p->d = d;
    at[GMLP__SHADER_SHARES] = GMLP__SHADER_HEAD;
    p->end = at[GMLP__SHADER_FIRST] = GMLP__SHADER_HEAD + 3 * 256;
    if (!d->network) return;
    p->neurons = 2 * d->fixed.pairs;
    p->inputs = 5 + 3 * d->windows; /* a window may be the pixel itself, of the radius 0 */
    p->columns = d->frame.columns;
    p->rows = d->frame.height;
    p->odd_words = (p->neurons + 31) / 32;
    at[GMLP__SHADER_SECOND] = p->end + (gmlp__features(d->mlp.frequencies) + 1) * p->neurons / 4;
    at[GMLP__SHADER_THIRD] = at[GMLP__SHADER_SECOND] + p->neurons * p->neurons / 8;
    p->signal = at[GMLP__SHADER_THIRD] + p->neurons;
    p->light = p->signal + (hdr ? d->domain.signal.segments : 0);
    at[GMLP__SHADER_CODES] = p->light + (hdr ? d->domain.light.segments : 0);
    at[GMLP__SHADER_COLUMNS] = at[GMLP__SHADER_CODES] + (p->inputs - 2) * 256 * p->odd_words / 4;
    at[GMLP__SHADER_ROWS] = at[GMLP__SHADER_COLUMNS] + (p->columns * p->odd_words + 3) / 4;
    p->end = at[GMLP__SHADER_ROWS] + (p->rows * p->odd_words + 3) / 4;
}

/* from + step i in 2^-29, for i = 0..n - 1. 0: beyond what the encoding takes. */
static int gmlp__shader_line(uint32_t *four, double from, double step, double n) {
    const double to = from + gmlp__dmul(step, n - 1.0), one = 536870912.0;
    uint64_t whole;
    if (!(from > -3.99 && from < 3.99 && to > -3.99 && to < 3.99)) return 0;
    if (n < 2.0) step = 0.0;
    whole = (uint64_t)(int64_t)(gmlp__dmul(step, one) * 65536.0);
    four[0] = (uint32_t)(int32_t)gmlp__dmul(from, one);
    four[1] = (uint32_t)(whole >> 16);
    four[2] = (uint32_t)(whole & 65535u);
    return 1;
}

/* What a column or row of the file leads to. */
static int gmlp__shader_place(const gmlp__shader *p, int vertical, uint32_t *four) {
    const gmlp_decoder *d = p->d;
    const int row = vertical != d->coords.transpose;
    const double n = (double)d->trained[row ? 0 : 1] - 1.0, scale = n > 0.0 ? 2.0 / n : 0.0;
    four[3] = d->mlp.frequencies[row ? 0 : 1];
    return gmlp__shader_line(four, gmlp__dmul(scale, (double)(row ? d->coords.row : d->coords.col)) - 1.0,
                           gmlp__dmul(scale, (double)(row ? d->coords.row_step : d->coords.col_step)),
                           (double)(vertical ? d->frame.height : d->frame.width));
}

/* sin(2 pi turn / 2^32) as a shader has it, but for rounding. */
static double gmlp__shader_sine(uint32_t turn) {
    double r = (double)turn / 2147483648.0, t, q, sign = 1.0;
    if (r >= 1.5) r -= 2.0;
    else if (r >= 0.5) {
        r -= 1.0;
        sign = -1.0;
    }
    t = r * r;
    q = gmlp__dmul(0.077220127, t) - 0.59804517;
    q = gmlp__dmul(q, t) + 2.55003142;
    q = gmlp__dmul(q, t) - 5.16770697;
    q = gmlp__dmul(q, t) + 3.1415925;
    return q * r * sign;
}

static double gmlp__shader_value(const uint32_t *word) {
    float v;
    memcpy(&v, word, 4);
    return (double)v;
}

/* Which of the whole numbers that number i leads to are odd: entry, by four, features first..first + 2 frequencies - 1
   of W1 with bias in front of them. 0: shaders might not come near enough. */
static int gmlp__shader_odd(const gmlp__shader *p, const uint32_t *four, uint32_t i, size_t frequencies,
                            const uint32_t *weights, const uint32_t *bias, const int32_t *entry, uint32_t *odd) {
    const uint32_t m = four[0] + four[1] * i + ((four[2] * i + 32768u) >> 16);
    double f[2 * GMLP_MAX_FREQUENCIES];
    size_t j, k;
    for (k = 0; k < 2 * frequencies; k++)
        f[k] = gmlp__shader_sine((m << (k / 2 + 2)) + ((uint32_t)(k & 1) << 30));
    memset(odd, 0, p->odd_words * sizeof *odd);
    for (j = 0; j < p->neurons; j++) {
        const uint32_t pair = (uint32_t)entry[j / 2], half = j % 2 ? pair >> 16 : pair & 0xffffu;
        const double whole = (double)(half ^ 0x8000u) - 32768.0;
        double sum = bias ? gmlp__shader_value(bias + j) : 0.0, size = sum < 0.0 ? -sum : sum;
        for (k = 0; k < 2 * frequencies; k++) {
            const double w = gmlp__shader_value(weights + k * p->neurons + j);
            sum += gmlp__dmul(f[k], w);
            size += w < 0.0 ? -w : w;
        }
        if (!(sum - whole < 0.75 && whole - sum < 0.75 && size < 131072.0)) return 0;
        odd[j / 32] |= (half & 1u) << j % 32;
    }
    return 1;
}

static void gmlp__shader_head(const gmlp__shader *p) {
    const gmlp_decoder *d = p->d;
    uint32_t *const w = p->words;
    size_t i, c;
    w[0] = 1;
    w[1] = (uint32_t)d->method;
    w[2] = d->frame.width;
    w[3] = d->frame.height;
    w[4] = (d->network ? 1u : 0u) | (d->mask == GMLP_MASK_ALL ? 2u : 0u) | (d->leaves ? 4u : 0u) |
           (d->place_bias[0] ? 8u : 0u);
    w[5] = (uint32_t)d->clip_margin;
    w[6] = (uint32_t)p->neurons;
    w[7] = (uint32_t)p->inputs;
    w[8] = d->radius[0];
    w[9] = d->radius[1];
    w[10] = d->frame.x;
    w[11] = d->frame.columns;
    for (i = 0; i < GMLP__SHADER_TABLES; i++) w[12 + i] = (uint32_t)p->at[i];
    for (i = 0; i < 3; i++)
        for (c = 0; c < 3; c++) {
            memcpy(w + 52 + 4 * i + c, d->to_wide + 3 * i + c, 4);
            memcpy(w + 64 + 4 * i + c, d->to_out + 3 * i + c, 4);
        }
    memcpy(w + 4 * GMLP__SHADER_HEAD, d->convert.shares, 3 * GMLP__SHADER_SPAN * sizeof(float));
    for (i = 0; i < 3 * 256; i++) memcpy(w + 4 * (GMLP__SHADER_HEAD + i) + 3, d->convert.loader.table + i % 256, 4);
}

static void gmlp__shader_curve(const gmlp__shader *p, const gmlp__curve *c, uint32_t *eight, size_t at) {
    memcpy(eight, &c->in_scale, 4);
    memcpy(eight + 1, &c->bottom, 4);
    memcpy(eight + 2, &c->top, 4);
    eight[3] = (uint32_t)c->segment_base;
    memcpy(eight + 4, &c->toe_slope, 4);
    eight[5] = (uint32_t)at;
    memcpy(p->words + 4 * at, c->segment, c->segments * 4 * sizeof(float));
}

/* The second and the third layer. */
static void gmlp__shader_layers(const gmlp__shader *p) {
    const gmlp__fixed *f = &p->d->fixed;
    const size_t pairs = f->pairs;
    uint32_t *const second = p->words + 4 * p->at[GMLP__SHADER_SECOND];
    size_t j, k, c;
    memcpy(p->words + 44, f->scale, sizeof f->scale);
    memcpy(p->words + 48, f->bias, sizeof f->bias);
    for (j = 0; j < p->neurons; j++) {
        uint32_t *const third = p->words + 4 * (p->at[GMLP__SHADER_THIRD] + j);
        for (k = 0; k < pairs; k++)
            second[j * pairs + k] = (uint32_t)f->w2[j / 8 * 8 * pairs + 8 * k + j % 8] ^ 0x80008000u;
        for (c = 0; c < 3; c++) {
            const uint32_t pair = (uint32_t)f->w3[j / 2 * 3 + c], half = j % 2 ? pair >> 16 : pair & 0xffffu;
            third[c] = (half ^ 0x8000u) - 0x8000u;
        }
        third[3] = (uint32_t)f->b2[j];
    }
}

/* n rows of W1, or b1, times the factors of the first layer; returns what is behind them. */
static uint32_t *gmlp__shader_first(const gmlp__shader *p, const float *rows, size_t n, uint32_t *to) {
    size_t j, k;
    for (k = 0; k < n; k++)
        for (j = 0; j < p->neurons; j++) {
            const float w = (float)gmlp__dmul((double)rows[k * p->d->shape.wide + j], p->d->factor[j]);
            memcpy(to++, &w, 4);
        }
    return to;
}

static int gmlp__shader_network(const gmlp__shader *p) {
    const gmlp_decoder *d = p->d;
    const double span = d->inputs == GMLP_INPUT_HALF ? 1.0 : 2.0;
    uint32_t *const w = p->words, *at = w + 4 * p->at[GMLP__SHADER_FIRST], *odd = NULL;
    size_t i, feature[GMLP_INPUTS + 1] = {0};
    int32_t line[GMLP_MAX_WIDTH / 2];
    for (i = 0; i < GMLP_INPUTS; i++) {
        feature[i + 1] = feature[i] + 2 * (size_t)d->mlp.frequencies[i];
        if (i > 1) w[30 + i] = d->mlp.frequencies[i];
    }
    if (!gmlp__shader_place(p, 0, w + 20) || !gmlp__shader_place(p, 1, w + 24) ||
        !gmlp__shader_line(w + 28, -0.5 * span, span / 255.0, 256.0))
        return 0;
    for (i = 0; i < p->inputs; i++) { /* of columns, of rows, of codes */
        const size_t from = i < 2 && !d->coords.transpose ? 1 - i : i, frequencies = d->mlp.frequencies[from];
        const size_t count = i == 0 ? p->columns : i == 1 ? p->rows : 256;
        const uint32_t *const bias = i < 2 && d->place_bias[i] ? at : NULL, *weights;
        const int32_t *entry = i == 0 ? d->fixed.columns : i == 1 ? line
                                                         : d->fixed.codes + (i - 2) * 256 * d->fixed.pairs;
        uint32_t k;
        if (bias) at = gmlp__shader_first(p, d->place_bias[i], 1, at);
        weights = at;
        at = gmlp__shader_first(p, d->block + feature[from] * d->shape.wide, 2 * frequencies, at);
        if (i < 3) odd = w + 4 * p->at[i == 0 ? GMLP__SHADER_COLUMNS : i == 1 ? GMLP__SHADER_ROWS : GMLP__SHADER_CODES];
        for (k = 0; k < count; k++, odd += p->odd_words) {
            if (i == 1) gmlp_decoder_lines(d, k, 1, line);
            if (!gmlp__shader_odd(p, w + (i < 2 ? 20 + 4 * i : 28), i ? k : d->frame.x + k, frequencies, weights, bias,
                                  entry, odd))
                return 0;
            if (i != 1) entry += d->fixed.pairs;
        }
    }
    gmlp__shader_layers(p);
    if (p->light == p->signal) return 1;
    gmlp__shader_curve(p, &d->domain.signal, w + 76, p->signal);
    gmlp__shader_curve(p, &d->domain.light, w + 84, p->light);
    memcpy(w + 82, &d->domain.signal_max, 4);
    return 1;
}

GMLP_DEF gmlp_result gmlp_shader_pack(const gmlp_decoder *decoder, void *bytes, size_t capacity, size_t *size) {
    const gmlp_decoder *const d = decoder;
    gmlp__shader p;
    gmlp__fp_state fp;
    int follows;
    if (size) *size = 0;
    if (!d || !size) return GMLP_E_ARGUMENT;
    if (d->frame.sycc) return GMLP_E_BASE_SPACE;
    if (d->frame.type != GMLP_F32 || !gmlp_space_is_linear(d->space) || d->convert.storer.clamp_negative ||
        (d->network && !d->fixed_point) || d->domain.weight < 1.0 || d->method == GMLP_METHOD_GAIN ||
        d->method == GMLP_METHOD_GAMMA)
        return GMLP_E_ARGUMENT;
    gmlp__shader_plan(&p, d);
    *size = 16 * p.end;
    if (!bytes || capacity < *size) return GMLP_E_BUFFER;
    memset(bytes, 0, *size);
    p.words = (uint32_t *)bytes;
    fp = gmlp__fp_enter();
    gmlp__shader_head(&p);
    follows = !d->network || gmlp__shader_network(&p);
    gmlp__fp_leave(fp);
    return follows ? GMLP_OK : GMLP_E_LIMIT;
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>jpeg: carry a blob in a JPEG file
*/
/* JPEG segments and PNG chunks are both "parts" here: one walker for each, and one extract, strip and
   embed for both. */
typedef struct gmlp__part {
    size_t start, end;      /* the whole segment or chunk; the last one reaches to the end of the file */
    const uint8_t *body;    /* of a carrier: blob bytes, base64 text or the XMP packet */
    size_t size;
    int carrier;            /* gmlp_carrier, 0: not ours to read */
    unsigned number, total; /* which piece of a split blob this is, from 1 */
    int damaged;            /* its own checksum fails */
    int packed;             /* PNG: the text is compressed */
    int is_color;           /* says what the colours mean */
    int is_insert;          /* new metadata may go before it */
    int has_picture;        /* PNG: an IDAT came by */
    int last;
} gmlp__part;

/* A run of bytes. */
typedef struct gmlp__slice {
    const uint8_t *p;
    size_t n;
} gmlp__slice;

#define GMLP__ID "GamutMLP"      /* with its NUL: what our segments and chunks start with */
#define GMLP__ID_SIZE 9u
#define GMLP__JPEG_MAX 65533u    /* bytes of a segment without its length */
#define GMLP__APP_HEAD 11u       /* identifier, number, total */
#define GMLP__COM_HEAD 15u       /* "GamutMLP 01/01 " */
#define GMLP__COM_PIECE ((GMLP__JPEG_MAX - GMLP__COM_HEAD) / 4 * 3)
#define GMLP__XMP_ID "http://ns.adobe.com/xap/1.0/"
#define GMLP__XMP_ID_SIZE 29u
#define GMLP__ITXT_XMP "XML:com.adobe.xmp\0\0\0\0" /* keyword, not compressed, no language, no translation */
#define GMLP__ITXT_KEYWORD 18u
#define GMLP__XMP_PROPERTY "GamutMLP:Blob"
#define GMLP__XMP_OPEN "<rdf:Description rdf:about=\"\" xmlns:GamutMLP=\"urn:gamutmlp:1#\""
#define GMLP__XMP_END "</rdf:RDF>"

static int gmlp__starts(const uint8_t *p, size_t n, const char *with, size_t size) {
    return n >= size && !memcmp(p, with, size);
}

static int gmlp__digits(const uint8_t *p, unsigned *v) { /* two decimal digits */
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') return 0;
    *v = (unsigned)((p[0] - '0') * 10 + (p[1] - '0'));
    return 1;
}

/* Moves to the next segment; all zero starts at the beginning. The scan data and all after it are one. */
static gmlp_result gmlp__jpeg_next(const uint8_t *p, size_t size, gmlp__part *part, gmlp_error *err) {
    size_t i = part->end, n;
    int marker;
    memset(part, 0, sizeof *part);
    part->start = i;
    if (i == 0) {
        if (!gmlp__starts(p, size, "\xff\xd8", 2)) return gmlp__fail(err, GMLP_E_FORMAT, 0, "this is not a JPEG file");
        part->end = 2;
        return GMLP_OK;
    }
    if (i < size && p[i] != 0xff) return gmlp__fail(err, GMLP_E_FORMAT, i, "a JPEG marker is missing");
    while (i < size && p[i] == 0xff) i++;
    if (i == size) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the JPEG file ends before its picture");
    if (i - part->start > 1) { /* fill bytes are a part of their own */
        part->end = i - 1;
        return GMLP_OK;
    }
    marker = p[i++];
    if (marker == 0xda) {
        part->end = size;
        part->last = part->is_insert = 1;
        return GMLP_OK;
    }
    if (marker == 0 || marker == 0xd8 || marker == 0xd9)
        return gmlp__fail(err, GMLP_E_FORMAT, i - 1, "a JPEG marker is out of place");
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) { /* these have no length */
        part->end = i;
        part->is_insert = 1;
        return GMLP_OK;
    }
    if (size - i < 2) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the JPEG file ends within a segment");
    n = (size_t)p[i] << 8 | p[i + 1];
    if (n < 2) return gmlp__fail(err, GMLP_E_FORMAT, i, "a JPEG segment is shorter than its length field");
    if (size - i < n) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the JPEG file ends within a segment");
    part->body = p + i + 2;
    part->size = n - 2;
    part->end = i + n;
    part->is_insert = !((marker >= 0xe0 && marker <= 0xef) || marker == 0xfe);
    if (marker == 0xe2) {
        part->is_color = gmlp__starts(part->body, part->size, "ICC_PROFILE", 12);
        /* Offsets in a multi-picture index count from itself: nothing may come between it and the pictures. */
        part->is_insert = gmlp__starts(part->body, part->size, "MPF", 4);
    } else if (marker == 0xe1 && gmlp__starts(part->body, part->size, GMLP__XMP_ID, GMLP__XMP_ID_SIZE)) {
        part->carrier = GMLP_CARRIER_XMP;
        part->body += GMLP__XMP_ID_SIZE;
        part->size -= GMLP__XMP_ID_SIZE;
    } else if (marker == 0xeb && part->size >= GMLP__APP_HEAD &&
               gmlp__starts(part->body, part->size, GMLP__ID, GMLP__ID_SIZE)) {
        part->carrier = GMLP_CARRIER_JPEG_APP;
        part->number = part->body[GMLP__ID_SIZE];
        part->total = part->body[GMLP__ID_SIZE + 1];
        part->body += GMLP__APP_HEAD;
        part->size -= GMLP__APP_HEAD;
    } else if (marker == 0xfe && part->size >= GMLP__COM_HEAD &&
               gmlp__starts(part->body, part->size, GMLP__ID " ", 9) && gmlp__digits(part->body + 9, &part->number) &&
               part->body[11] == '/' && gmlp__digits(part->body + 12, &part->total) && part->body[14] == ' ') {
        part->carrier = GMLP_CARRIER_JPEG_COM;
        part->body += GMLP__COM_HEAD;
        part->size -= GMLP__COM_HEAD;
    }
    if (part->carrier && part->carrier != GMLP_CARRIER_XMP && (!part->number || part->number > part->total))
        part->damaged = 1;
    return GMLP_OK;
}

static gmlp_result gmlp__png_next(const uint8_t *p, size_t size, gmlp__part *part, gmlp_error *err);
static gmlp_result gmlp__ktx2_next(const uint8_t *p, size_t size, gmlp__part *part, gmlp_error *err);
#ifndef GMLP_DECODE_ONLY
static gmlp_result gmlp__ktx2_rewrite(const void *file, size_t size, const uint8_t *blob, size_t blob_size,
                                      const gmlp_writer *to, gmlp_error *err);
#endif
static size_t gmlp__inflate(const uint8_t *p, size_t n, uint8_t *out, size_t capacity);

static gmlp_result gmlp__part_next(int kind, const uint8_t *p, size_t size, gmlp__part *part, gmlp_error *err) {
    return kind == GMLP_CONTAINER_JPEG  ? gmlp__jpeg_next(p, size, part, err)
           : kind == GMLP_CONTAINER_PNG ? gmlp__png_next(p, size, part, err)
                                        : gmlp__ktx2_next(p, size, part, err);
}

/* Base64. */
static const char gmlp__base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int gmlp__is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static int gmlp__base64_value(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes until something that is neither base64 nor white space; out NULL: only counts. */
static size_t gmlp__base64_decode(const uint8_t *p, size_t n, uint8_t *out) {
    uint32_t bits = 0;
    size_t i, count = 0;
    int held = 0, v;
    for (i = 0; i < n; i++) {
        if (gmlp__is_space(p[i])) continue;
        v = gmlp__base64_value(p[i]);
        if (v < 0) break;
        bits = (bits << 6 | (uint32_t)v) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (out) out[count] = (uint8_t)(bits >> held & 255);
            count++;
        }
    }
    return count;
}

/* Our property in an XMP packet: an attribute, as we write it, or an element, as some tools rewrite it. An empty one is
 * none. */
typedef struct gmlp__property {
    size_t start, end; /* all that belongs to it */
    gmlp__slice value;
} gmlp__property;

static int gmlp__xmp_find(const uint8_t *s, size_t n, size_t from, gmlp__property *f) {
    const size_t name = sizeof GMLP__XMP_PROPERTY - 1, open = sizeof GMLP__XMP_OPEN - 1;
    const uint8_t *hit;
    size_t i, j;
    uint8_t stop;
    for (i = from ? from : 1; i < n; i++) {
        hit = (const uint8_t *)memchr(s + i, GMLP__XMP_PROPERTY[0], n - i);
        if (!hit) return 0;
        i = (size_t)(hit - s);
        if (i == from || !gmlp__starts(hit, n - i, GMLP__XMP_PROPERTY, name)) continue;
        f->start = i - 1;
        for (j = i + name; j < n && gmlp__is_space(s[j]); j++) {}
        if (s[i - 1] == '<') {
            if (j == n || s[j++] != '>') continue;
            stop = '<';
        } else {
            if (!gmlp__is_space(s[i - 1]) || j == n || s[j++] != '=') continue;
            while (j < n && gmlp__is_space(s[j])) j++;
            if (j == n || (s[j] != '"' && s[j] != '\'')) continue;
            stop = s[j++];
        }
        f->value.p = s + j;
        while (j < n && (gmlp__is_space(s[j]) || s[j] == '=' || gmlp__base64_value(s[j]) >= 0)) j++;
        f->value.n = (size_t)(s + j - f->value.p);
        if (!f->value.n || j == n || s[j++] != stop) continue;
        if (stop == '<') {
            if (!gmlp__starts(s + j, n - j, "/" GMLP__XMP_PROPERTY, name + 1)) continue;
            for (j += name + 1; j < n && gmlp__is_space(s[j]); j++) {}
            if (j == n || s[j++] != '>') continue;
        } else if (f->start - from >= open && !memcmp(s + f->start - open, GMLP__XMP_OPEN, open) &&
                   gmlp__starts(s + j, n - j, "/>", 2)) {
            f->start -= open; /* the description that we wrote around it */
            j += 2;
        }
        f->end = j;
        return 1;
    }
    return 0;
}

/* Extracting. */

/* The CRC is at the end of every version, so that newer blobs than this library's can be carried, too. */
static int gmlp__blob_intact(const uint8_t *p, size_t n) {
    gmlp__rd r;
    if (n < GMLP__BLOB_HEAD || n > GMLP_MAX_BLOB || memcmp(p, "GMLP", 4)) return 0;
    r.p = p + n - GMLP__BLOB_CRC;
    r.left = GMLP__BLOB_CRC;
    r.failed = 0;
    return gmlp__rd_le(&r, GMLP__BLOB_CRC) == gmlp__crc32(0, p, n - GMLP__BLOB_CRC);
}

/* Joins the pieces of one blob. GMLP_E_CORRUPT if they are not one. */
static gmlp_result gmlp__join(const gmlp__slice *piece, unsigned count, int is_text, const gmlp_alloc *alloc,
                              void **blob, size_t *blob_size) {
    size_t total = 0, n;
    unsigned i;
    uint8_t *p, *all;
    for (i = 0; i < count; i++) {
        n = is_text ? gmlp__base64_decode(piece[i].p, piece[i].n, NULL) : piece[i].n;
        if (n > GMLP_MAX_BLOB - total) return GMLP_E_CORRUPT;
        total += n;
    }
    if (total < GMLP__BLOB_HEAD) return GMLP_E_CORRUPT;
    all = p = (uint8_t *)gmlp__alloc(alloc, total);
    if (!p) return GMLP_E_MEMORY;
    for (i = 0; i < count; i++) {
        if (is_text) p += gmlp__base64_decode(piece[i].p, piece[i].n, p);
        else {
            memcpy(p, piece[i].p, piece[i].n);
            p += piece[i].n;
        }
    }
    if (!gmlp__blob_intact(all, total)) {
        gmlp__free(alloc, all, total);
        return GMLP_E_CORRUPT;
    }
    *blob = all;
    *blob_size = total;
    return GMLP_OK;
}

/* The text of a part, in memory of its own if it was compressed. Nothing that holds a network shrinks to a sixteenth or
   is longer than 2 GMLP_MAX_BLOB: of others, and of damaged ones, nothing is there. */
typedef struct gmlp__text {
    gmlp__slice all;
    uint8_t *memory;
    size_t capacity;
} gmlp__text;

static gmlp_result gmlp__text_open(gmlp__text *t, const gmlp__part *part, const gmlp_alloc *alloc) {
    memset(t, 0, sizeof *t);
    t->all.p = part->body;
    t->all.n = part->size;
    if (!part->packed) return GMLP_OK;
    t->capacity = part->size < GMLP_MAX_BLOB / 8 ? part->size * 16 + 1 : 2 * (size_t)GMLP_MAX_BLOB;
    t->memory = (uint8_t *)gmlp__alloc(alloc, t->capacity);
    if (!t->memory) return GMLP_E_MEMORY;
    t->all.p = t->memory;
    t->all.n = gmlp__inflate(part->body, part->size, t->memory, t->capacity);
    return GMLP_OK;
}

static void gmlp__text_close(gmlp__text *t, const gmlp_alloc *alloc) {
    if (t->memory) gmlp__free(alloc, t->memory, t->capacity);
}

/* The blob of a text that may be compressed; of an XMP packet, the first intact one of several. */
GMLP__NOINLINE gmlp_result gmlp__join_text(const gmlp__part *part, const gmlp_alloc *alloc, void **blob,
                                           size_t *blob_size) {
    gmlp_result result;
    gmlp__property f;
    gmlp__text t;
    f.end = 0;
    result = gmlp__text_open(&t, part, alloc);
    if (result) return result;
    if (part->carrier == GMLP_CARRIER_XMP) {
        result = GMLP_E_NOT_FOUND;
        while (result != GMLP_OK && result != GMLP_E_MEMORY && gmlp__xmp_find(t.all.p, t.all.n, f.end, &f))
            result = gmlp__join(&f.value, 1, 1, alloc, blob, blob_size);
    } else {
        result = gmlp__join(&t.all, 1, 1, alloc, blob, blob_size);
    }
    gmlp__text_close(&t, alloc);
    return result;
}

/* The first intact blob in one carrier. */
static gmlp_result gmlp__gather(int kind, const uint8_t *p, size_t size, int carrier, const gmlp_alloc *alloc,
                                void **blob, size_t *blob_size, gmlp_error *err) {
    const int is_text = carrier == GMLP_CARRIER_JPEG_COM || carrier == GMLP_CARRIER_PNG_TEXT; /* XMP: gmlp__join_text */
    gmlp__slice pieces[256];
    gmlp__part part;
    unsigned have = 0, total = 0;
    size_t first = 0, damaged = 0; /* where; 0: nowhere, for no carrier starts a file */
    gmlp_result result;
    memset(&part, 0, sizeof part);
    do {
        result = gmlp__part_next(kind, p, size, &part, err);
        if (result != GMLP_OK) return result;
        if (part.carrier != carrier) continue;
        result = GMLP_E_CORRUPT;
        if (carrier == GMLP_CARRIER_XMP || part.packed) {
            if (!part.damaged) result = gmlp__join_text(&part, alloc, blob, blob_size);
        } else if (!part.damaged) {
            if (part.total != total || !have) {
                if (have) damaged = first; /* of that set pieces are missing */
                memset(pieces, 0, sizeof pieces);
                first = part.start;
                total = part.total;
                have = 0;
            }
            have += !pieces[part.number - 1].p;
            pieces[part.number - 1].p = part.body; /* the last one of a number counts */
            pieces[part.number - 1].n = part.size;
            if (have < total) continue;
            result = gmlp__join(pieces, total, is_text, alloc, blob, blob_size);
            have = 0;
        }
        if (result == GMLP_OK) return GMLP_OK;
        if (result == GMLP_E_MEMORY) return gmlp__fail(err, result, part.start, "no memory for the blob");
        if (result != GMLP_E_NOT_FOUND && !damaged) damaged = part.start;
    } while (!part.last);
    if (have && !damaged) damaged = first; /* pieces are missing */
    if (damaged) return gmlp__fail(err, GMLP_E_CORRUPT, damaged, "the file's network is damaged");
    return gmlp__fail(err, GMLP_E_NOT_FOUND, size, "the file carries no network");
}

/* The carriers of a container, most exact first. */
static const int *gmlp__carriers(int kind) {
    static const int all[3][4] = {{GMLP_CARRIER_JPEG_APP, GMLP_CARRIER_JPEG_COM, GMLP_CARRIER_XMP, 0},
                                  {GMLP_CARRIER_PNG_CHUNK, GMLP_CARRIER_PNG_TEXT, GMLP_CARRIER_XMP, 0},
                                  {GMLP_CARRIER_KTX2_KEY, 0, 0, 0}};
    return all[kind - 1];
}

static gmlp_result gmlp__extract(int kind, const void *file, size_t size, const gmlp_alloc *alloc, void **blob,
                                 size_t *blob_size, gmlp_error *err) {
    const int *carrier = gmlp__carriers(kind);
    gmlp_result result, worst = GMLP_E_NOT_FOUND;
    gmlp_error e = {GMLP_E_NOT_FOUND, 0, NULL}, why = {GMLP_E_NOT_FOUND, 0, NULL};
    if (blob) *blob = NULL;
    if (blob_size) *blob_size = 0;
    if (!file || !blob || !blob_size) return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "no file, or nowhere to put the blob");
    for (; *carrier; carrier++) {
        result = gmlp__gather(kind, (const uint8_t *)file, size, *carrier, alloc, blob, blob_size, &e);
        if (result == GMLP_OK) return GMLP_OK;
        /* What is wrong with the file as a whole says more than what is wrong with a carrier. */
        if (result == GMLP_E_MEMORY || worst == GMLP_E_NOT_FOUND ||
            (worst == GMLP_E_CORRUPT && result != worst && result != GMLP_E_NOT_FOUND)) {
            worst = result;
            why = e;
        }
        if (result == GMLP_E_MEMORY) break;
    }
    return gmlp__fail(err, worst, why.offset, why.text);
}

GMLP_DEF int gmlp_carriers_present(const void *bytes, size_t size, const gmlp_alloc *alloc) {
    const int kind = gmlp_container_kind(bytes, size);
    const int *carrier;
    void *blob = NULL;
    size_t blob_size = 0;
    int found = 0;
    if (kind == GMLP_CONTAINER_NONE) return 0;
    for (carrier = gmlp__carriers(kind); *carrier; carrier++) {
        const gmlp_result result =
            gmlp__gather(kind, (const uint8_t *)bytes, size, *carrier, alloc, &blob, &blob_size, NULL);
        if (result == GMLP_E_MEMORY) return -1;
        if (result) continue;
        gmlp__free(alloc, blob, blob_size);
        found |= *carrier;
    }
    return found;
}

GMLP_DEF void gmlp_bytes_free(void *bytes, size_t size, const gmlp_alloc *alloc) { gmlp__free(alloc, bytes, size); }

GMLP_DEF gmlp_result gmlp_jpeg_extract(const void *jpeg, size_t size, const gmlp_alloc *alloc, void **blob,
                                       size_t *blob_size, gmlp_error *err) {
    return gmlp__extract(GMLP_CONTAINER_JPEG, jpeg, size, alloc, blob, blob_size, err);
}

#ifndef GMLP_DECODE_ONLY
/* Writing. */

static const char gmlp__xmp_empty[] =
    "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
    GMLP__XMP_END "</x:xmpmeta><?xpacket end=\"w\"?>";

/* Taking a property out must not join what is before and behind it to another. This is what is before it: whether its
   last byte that is no space ends a tag or an attribute, so that no property can be under way there, and whether spaces
   follow. */
typedef struct gmlp__before {
    int ended, space;
    uint8_t last;
} gmlp__before;

static void gmlp__before_add(gmlp__before *b, const uint8_t *p, size_t n) {
    size_t i = n;
    uint8_t prior;
    while (i && gmlp__is_space(p[i - 1])) i--;
    if (i) {
        prior = i > 1 ? p[i - 2] : b->space ? ' ' : b->last;
        b->last = p[i - 1];
        b->ended = !gmlp__is_space(prior) &&
                   (b->last == '>' ? prior != GMLP__XMP_PROPERTY[sizeof GMLP__XMP_PROPERTY - 2]
                                   : (b->last == '"' || b->last == '\'') && prior != '=');
        b->space = 0;
    }
    if (i < n) b->space = 1;
}

/* 1 if no property can reach over from there into the n bytes at p. */
static int gmlp__xmp_apart(const gmlp__before *b, const uint8_t *p, size_t n) {
    size_t i = 0;
    if (b->ended && !(b->space && n && *p == GMLP__XMP_PROPERTY[0])) return 1;
    while (i < n && gmlp__is_space(p[i])) i++;
    return i == n ||
           (p[i] == '<' && !gmlp__starts(p + i, n - i, "</G", 3)); /* a tag, and not the end of such an element */
}

/* Where a description can be added to a packet: before its last GMLP__XMP_END; n if it has none. */
static size_t gmlp__xmp_place(const uint8_t *s, size_t n) {
    const size_t length = sizeof GMLP__XMP_END - 1;
    size_t i;
    for (i = n < length ? 0 : n - length + 1; i-- > 0;)
        if (s[i] == '<' && !memcmp(s + i, GMLP__XMP_END, length)) return i;
    return n;
}

/* Where rewritten files go. Without a write function it only counts. */
typedef struct gmlp__out {
    gmlp_writer to;
    size_t count;
    int failed;
    int summing; /* crc follows what is written */
    uint32_t crc;
} gmlp__out;

static void gmlp__emit(gmlp__out *o, const void *p, size_t n) {
    if (!n) return;
    o->count += n;
    if (!o->to.write || o->failed) return;
    if (o->summing) o->crc = gmlp__crc32(o->crc, (const uint8_t *)p, n);
    o->failed = o->to.write(o->to.user, p, n) != 0;
}

static void gmlp__put_be(uint8_t *p, uint32_t v, size_t n) {
    while (n--) {
        p[n] = (uint8_t)(v & 255);
        v >>= 8;
    }
}

static void gmlp__emit_be32(gmlp__out *o, uint32_t v) {
    uint8_t b[4];
    gmlp__put_be(b, v, 4);
    gmlp__emit(o, b, 4);
}

static size_t gmlp__base64_size(size_t n) { return (n + 2) / 3 * 4; }

static void gmlp__emit_base64(gmlp__out *o, const uint8_t *p, size_t n) {
    uint8_t text[1024];
    size_t used = 0;
    uint32_t v;
    while (n) {
        v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0u);
        text[used] = (uint8_t)gmlp__base64[v >> 18];
        text[used + 1] = (uint8_t)gmlp__base64[v >> 12 & 63];
        text[used + 2] = (uint8_t)(n > 1 ? gmlp__base64[v >> 6 & 63] : '=');
        text[used + 3] = (uint8_t)(n > 2 ? gmlp__base64[v & 63] : '=');
        used += 4;
        p += n < 3 ? n : 3;
        n -= n < 3 ? n : 3;
        if (used == sizeof text || !n) {
            gmlp__emit(o, text, used);
            used = 0;
        }
    }
}

/* A segment or chunk around size bytes that the caller then emits. id, if any, comes first and includes its NUL. */
static void gmlp__emit_jpeg_head(gmlp__out *o, int marker, const char *id, size_t id_size, size_t size) {
    uint8_t b[4];
    size += id_size + 2;
    b[0] = 0xff;
    b[1] = (uint8_t)marker;
    gmlp__put_be(b + 2, (uint32_t)size, 2);
    gmlp__emit(o, b, 4);
    gmlp__emit(o, id, id_size);
}

static void gmlp__emit_png_head(gmlp__out *o, const char *type, const char *id, size_t id_size, size_t size) {
    gmlp__emit_be32(o, (uint32_t)(id_size + size));
    o->summing = 1;
    o->crc = 0;
    gmlp__emit(o, type, 4);
    gmlp__emit(o, id, id_size);
}

static void gmlp__emit_png_crc(gmlp__out *o) {
    o->summing = 0;
    gmlp__emit_be32(o, o->crc);
}

/* The sRGB colour space as an ICC profile (version 4.3, 480 bytes): display class, matrix and one parametric
   curve (IEC 61966-2-1), BT.709 primaries adapted from D65 to D50 with Bradford, in 1/65536. */
#define GMLP__ICC_SIZE 480u
static void gmlp__srgb_icc(uint8_t icc[GMLP__ICC_SIZE]) {
    static const char names[] = "desccprtwtptchadrXYZgXYZbXYZrTRCgTRCbTRC";
    static const uint16_t places[10][2] = { /* offset, size */
        {252, 36}, {288, 36}, {324, 20}, {344, 44}, {388, 20}, {408, 20}, {428, 20}, {448, 32}, {448, 32}, {448, 32}
    };
    static const int32_t chad[9] = {68674, 1502, -3291, 1939, 64912, -1119, -606, 988, 49262};
    static const int32_t xyz[4][3] = { /* white, red, green, blue */
        {63190, 65536, 54061}, {28576, 14581, 912}, {25239, 46983, 6361}, {9375, 3972, 46787}
    };
    static const int32_t curve[5] = {157286, 62119, 3417, 5072, 2651}; /* 2.4, 1/1.055, 0.055/1.055, 1/12.92, 0.04045 */
    static const char *const texts[2] = {"sRGB", "CC0"};
    size_t i, k, n;
    memset(icc, 0, GMLP__ICC_SIZE);
#define GMLP__ICC32(at, v) gmlp__put_be(icc + (at), (uint32_t)(v), 4)
#define GMLP__ICC16(at, v) gmlp__put_be(icc + (at), (uint32_t)(v), 2)
    GMLP__ICC32(0, GMLP__ICC_SIZE);
    GMLP__ICC32(8, 0x04300000);
    memcpy(icc + 12, "mntrRGB XYZ ", 12);
    GMLP__ICC16(24, 2026); /* date: 2026-01-01 */
    GMLP__ICC16(26, 1);
    GMLP__ICC16(28, 1);
    memcpy(icc + 36, "acsp", 4);
    for (i = 0; i < 3; i++) GMLP__ICC32(68 + 4 * i, xyz[0][i]);
    GMLP__ICC32(128, 10);
    for (i = 0; i < 10; i++) {
        memcpy(icc + 132 + 12 * i, names + 4 * i, 4);
        GMLP__ICC32(136 + 12 * i, places[i][0]);
        GMLP__ICC32(140 + 12 * i, places[i][1]);
    }
    for (k = 0; k < 2; k++) { /* one text in English, UTF-16 */
        memcpy(icc + 252 + 36 * k, "mluc", 4);
        n = strlen(texts[k]);
        GMLP__ICC32(260 + 36 * k, 1);
        GMLP__ICC32(264 + 36 * k, 12);
        memcpy(icc + 268 + 36 * k, "enUS", 4);
        GMLP__ICC32(272 + 36 * k, 2 * n);
        GMLP__ICC32(276 + 36 * k, 28);
        for (i = 0; i < n; i++) icc[281 + 36 * k + 2 * i] = (uint8_t)texts[k][i];
    }
    memcpy(icc + 344, "sf32", 4);
    for (i = 0; i < 9; i++) GMLP__ICC32(352 + 4 * i, chad[i]);
    for (k = 0; k < 4; k++) {
        n = k ? 368 + 20 * k : 324;
        memcpy(icc + n, "XYZ ", 4);
        for (i = 0; i < 3; i++) GMLP__ICC32(n + 8 + 4 * i, xyz[k][i]);
    }
    memcpy(icc + 448, "para", 4);
    GMLP__ICC16(456, 3);
    for (i = 0; i < 5; i++) GMLP__ICC32(460 + 4 * i, curve[i]);
#undef GMLP__ICC32
#undef GMLP__ICC16
}

static void gmlp__emit_color(gmlp__out *o, int kind) {
    uint8_t icc[GMLP__ICC_SIZE];
    if (kind == GMLP_CONTAINER_PNG) {
        gmlp__emit_png_head(o, "sRGB", "\1", 1, 0); /* relative colorimetric */
        gmlp__emit_png_crc(o);
        return;
    }
    gmlp__srgb_icc(icc);
    gmlp__emit_jpeg_head(o, 0xe2, "ICC_PROFILE\0\1\1", 14, sizeof icc);
    gmlp__emit(o, icc, sizeof icc);
}

/* A packet without our property, and with it if blob is given and the packet has a place for it. Where taking it out
   could make another of its neighbours only the value goes. */
static void gmlp__emit_packet(gmlp__out *o, const uint8_t *s, size_t n, const uint8_t *blob, size_t blob_size) {
    size_t at = blob ? gmlp__xmp_place(s, n) : n, from = 0, stop;
    gmlp__before before = {1, 0, 0};
    gmlp__slice head, tail;
    gmlp__property f;
    int more;
    f.end = 0;
    for (;;) {
        more = gmlp__xmp_find(s, n, from, &f);
        stop = more ? f.start : n;
        if (at < n && at >= from && at <= stop) {
            gmlp__emit(o, s + from, at - from);
            gmlp__emit(o, GMLP__XMP_OPEN " " GMLP__XMP_PROPERTY "=\"",
                       sizeof GMLP__XMP_OPEN + sizeof GMLP__XMP_PROPERTY + 1);
            gmlp__emit_base64(o, blob, blob_size);
            gmlp__emit(o, "\"/>", 3);
            gmlp__before_add(&before, (const uint8_t *)"/>", 2);
            from = at;
        }
        gmlp__emit(o, s + from, stop - from);
        if (!more) return;
        gmlp__before_add(&before, s + from, stop - from);
        from = f.end;
        if (gmlp__xmp_apart(&before, s + from, n - from)) continue;
        head.p = s + stop;
        head.n = (size_t)(f.value.p - head.p);
        tail.p = f.value.p + f.value.n;
        tail.n = (size_t)(s + from - tail.p);
        gmlp__emit(o, head.p, head.n);
        gmlp__emit(o, tail.p, tail.n);
        gmlp__before_add(&before, head.p, head.n);
        gmlp__before_add(&before, tail.p, tail.n);
    }
}

static size_t gmlp__packet_size(const uint8_t *s, size_t n, const uint8_t *blob, size_t blob_size) {
    gmlp__out o;
    memset(&o, 0, sizeof o);
    gmlp__emit_packet(&o, s, n, blob, blob_size);
    return o.count;
}

/* 1 if a packet is one that we added to a file without any, or as empty as ours without a network: added to, that could
   not be told from ours when the network is taken out again. */
static int gmlp__xmp_only(const uint8_t *s, size_t n) {
    const size_t all = sizeof gmlp__xmp_empty - 1, place = gmlp__xmp_place((const uint8_t *)gmlp__xmp_empty, all);
    return n >= all && !memcmp(s, gmlp__xmp_empty, place) &&
           !memcmp(s + n - (all - place), gmlp__xmp_empty + place, all - place) &&
           gmlp__packet_size(s, n, NULL, 0) == all;
}

/* id: what comes before the packet in its segment or chunk. */
static void gmlp__emit_xmp(gmlp__out *o, int kind, const char *id, size_t id_size, const uint8_t *s, size_t n,
                           const uint8_t *blob, size_t blob_size) {
    const size_t size = gmlp__packet_size(s, n, blob, blob_size);
    if (kind == GMLP_CONTAINER_JPEG) gmlp__emit_jpeg_head(o, 0xe1, id, id_size, size);
    else { /* the byte behind the keyword says that the text is not compressed */
        gmlp__emit_png_head(o, "iTXt", id, GMLP__ITXT_KEYWORD, id_size - GMLP__ITXT_KEYWORD + size);
        gmlp__emit(o, "", 1);
        gmlp__emit(o, id + GMLP__ITXT_KEYWORD + 1, id_size - GMLP__ITXT_KEYWORD - 1);
    }
    gmlp__emit_packet(o, s, n, blob, blob_size);
    if (kind == GMLP_CONTAINER_PNG) gmlp__emit_png_crc(o);
}

static void gmlp__emit_jpeg_pieces(gmlp__out *o, int carrier, const uint8_t *blob, size_t size) {
    const size_t most = carrier == GMLP_CARRIER_JPEG_APP ? GMLP__JPEG_MAX - GMLP__APP_HEAD : GMLP__COM_PIECE;
    const size_t total = (size + most - 1) / most;
    size_t i, n;
    char head[GMLP__COM_HEAD + 1] = GMLP__ID " 00/00 ";
    for (i = 1; i <= total; i++, blob += n, size -= n) {
        n = size < most ? size : most;
        if (carrier == GMLP_CARRIER_JPEG_APP) {
            head[8] = 0;
            head[9] = (char)i;
            head[10] = (char)total;
            gmlp__emit_jpeg_head(o, 0xeb, head, GMLP__APP_HEAD, n);
            gmlp__emit(o, blob, n);
        } else {
            head[9] = (char)('0' + i / 10);
            head[10] = (char)('0' + i % 10);
            head[12] = (char)('0' + total / 10);
            head[13] = (char)('0' + total % 10);
            gmlp__emit_jpeg_head(o, 0xfe, head, GMLP__COM_HEAD, gmlp__base64_size(n));
            gmlp__emit_base64(o, blob, n);
        }
    }
}

static void gmlp__emit_carriers(gmlp__out *o, int kind, int carriers, const uint8_t *blob, size_t size) {
    if (carriers & GMLP_CARRIER_JPEG_APP) gmlp__emit_jpeg_pieces(o, GMLP_CARRIER_JPEG_APP, blob, size);
    if (carriers & GMLP_CARRIER_JPEG_COM) gmlp__emit_jpeg_pieces(o, GMLP_CARRIER_JPEG_COM, blob, size);
    if (carriers & GMLP_CARRIER_PNG_CHUNK) {
        gmlp__emit_png_head(o, "gmLP", NULL, 0, size);
        gmlp__emit(o, blob, size);
        gmlp__emit_png_crc(o);
    }
    if (carriers & GMLP_CARRIER_PNG_TEXT) {
        gmlp__emit_png_head(o, "tEXt", GMLP__ID, GMLP__ID_SIZE, gmlp__base64_size(size));
        gmlp__emit_base64(o, blob, size);
        gmlp__emit_png_crc(o);
    }
    if (carriers & GMLP_CARRIER_XMP)
        gmlp__emit_xmp(o, kind, kind == GMLP_CONTAINER_JPEG ? GMLP__XMP_ID : GMLP__ITXT_XMP,
                       kind == GMLP_CONTAINER_JPEG ? GMLP__XMP_ID_SIZE : sizeof GMLP__ITXT_XMP,
                       (const uint8_t *)gmlp__xmp_empty, sizeof gmlp__xmp_empty - 1, blob, size);
}

/* Writes the file without its blobs, and with the given one unless it is NULL. */
static gmlp_result gmlp__rewrite(int kind, const void *file, size_t size, const uint8_t *blob, size_t blob_size,
                                 int carriers, int tag_color, const gmlp_writer *to, gmlp_error *err) {
    const uint8_t *p = (const uint8_t *)file, *packet = (const uint8_t *)gmlp__xmp_empty;
    size_t packet_size = sizeof gmlp__xmp_empty - 1, packet_at = 0, insert_at = 0, n;
    gmlp__part part;
    gmlp__text text;
    gmlp__out o;
    gmlp_result result;
    int packed = 0, anew;
    if (!file || !to || !to->write) return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "no file, or nowhere to write");
    memset(&o, 0, sizeof o);
    o.to = *to;
    memset(&part, 0, sizeof part);
    do { /* first all of the file is read */
        result = gmlp__part_next(kind, p, size, &part, err);
        if (result != GMLP_OK) return result;
        if (part.is_insert && !insert_at) insert_at = part.start;
        if (part.is_color) tag_color = 0;
        if (part.carrier == GMLP_CARRIER_XMP && !packet_at &&
            (part.packed || !gmlp__xmp_only(part.body, part.size))) { /* our own is made anew, such a one left alone */
            packet_at = part.start;
            packet = part.body;
            packet_size = part.size;
            packed = part.packed;
        }
    } while (!part.last);
    if (carriers & GMLP_CARRIER_XMP) {
        n = packed ? 0 : gmlp__packet_size(packet, packet_size, blob, blob_size);
        if (packed || gmlp__xmp_place(packet, packet_size) == packet_size ||
            (kind == GMLP_CONTAINER_JPEG && n > GMLP__JPEG_MAX - GMLP__XMP_ID_SIZE) || n > 0x7fff0000) {
            carriers &= ~GMLP_CARRIER_XMP;
            if (!carriers)
                return gmlp__fail(err, GMLP_E_LIMIT, packet_at, "the XMP packet has no room for the network");
        }
    }
    memset(&part, 0, sizeof part);
    do {
        gmlp__part_next(kind, p, size, &part, NULL);
        if (part.start == insert_at && insert_at) {
            if (tag_color) gmlp__emit_color(&o, kind);
            gmlp__emit_carriers(&o, kind, packet_at ? carriers & ~GMLP_CARRIER_XMP : carriers, blob, blob_size);
            insert_at = 0;
        }
        if (part.carrier && part.carrier != GMLP_CARRIER_XMP) continue;
        anew = 0;
        if (part.carrier == GMLP_CARRIER_XMP) {
            const uint8_t *add = part.start == packet_at && (carriers & GMLP_CARRIER_XMP) ? blob : NULL;
            const uint8_t *id = p + part.start + (kind == GMLP_CONTAINER_JPEG ? 4 : 8);
            result = gmlp__text_open(&text, &part, NULL);
            if (result) return gmlp__fail(err, result, part.start, "no memory for the XMP packet");
            anew = add || gmlp__packet_size(text.all.p, text.all.n, NULL, 0) < text.all.n;
            if (anew && (add || !gmlp__xmp_only(text.all.p, text.all.n)))
                gmlp__emit_xmp(&o, kind, (const char *)id, (size_t)(part.body - id), text.all.p, text.all.n, add,
                               blob_size);
            gmlp__text_close(&text, NULL);
        }
        if (!anew) gmlp__emit(&o, p + part.start, part.end - part.start);
    } while (!part.last);
    return o.failed ? gmlp__fail(err, GMLP_E_WRITE, 0, "the output could not be written") : GMLP_OK;
}

static gmlp_result gmlp__embed(int kind, const void *file, size_t size, const void *blob, size_t blob_size,
                               const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err) {
    const int *c = gmlp__carriers(kind);
    int carriers = opts && opts->carriers ? opts->carriers
                 : kind == GMLP_CONTAINER_JPEG ? GMLP_CARRIER_JPEG_COM | GMLP_CARRIER_XMP
                 : kind == GMLP_CONTAINER_PNG  ? GMLP_CARRIER_PNG_TEXT
                                               : GMLP_CARRIER_KTX2_KEY;
    carriers &= c[0] | c[1] | c[2];
    if (!carriers) return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "none of the carriers exists in this kind of file");
    if (!blob || !gmlp__blob_intact((const uint8_t *)blob, blob_size))
        return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "what is to be embedded is not an intact blob");
    if (kind == GMLP_CONTAINER_KTX2)
        return gmlp__ktx2_rewrite(file, size, (const uint8_t *)blob, blob_size, out, err);
    return gmlp__rewrite(kind, file, size, (const uint8_t *)blob, blob_size, carriers, !(opts && opts->leave_untagged),
                         out, err);
}

GMLP_DEF gmlp_result gmlp_jpeg_embed(const void *jpeg, size_t size, const void *blob, size_t blob_size,
                                     const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err) {
    return gmlp__embed(GMLP_CONTAINER_JPEG, jpeg, size, blob, blob_size, opts, out, err);
}

GMLP_DEF gmlp_result gmlp_jpeg_strip(const void *jpeg, size_t size, const gmlp_writer *out, gmlp_error *err) {
    return gmlp__rewrite(GMLP_CONTAINER_JPEG, jpeg, size, NULL, 0, 0, 0, out, err);
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>png: carry a blob in a PNG file
*/
/* Inflate (RFC 1950, 1951), for text chunks that other programs compressed. */
typedef struct gmlp__bits {
    gmlp__rd in;
    uint32_t held;
    int count;
} gmlp__bits;

static uint32_t gmlp__bits_take(gmlp__bits *b, int n) { /* n <= 13 */
    uint32_t v;
    while (b->count < n) {
        b->held |= gmlp__rd_le(&b->in, 1) << b->count;
        b->count += 8;
    }
    v = b->held & ((1u << n) - 1);
    b->held >>= n;
    b->count -= n;
    return v;
}

/* A canonical Huffman code: how many codes of each length, and the symbols in order. */
typedef struct gmlp__huffman {
    uint16_t count[16];
    uint16_t symbol[288];
} gmlp__huffman;

static int gmlp__huffman_build(gmlp__huffman *h, const uint8_t *lengths, unsigned n) {
    uint16_t at[16];
    unsigned i;
    int left = 1;
    memset(h->count, 0, sizeof h->count);
    for (i = 0; i < n; i++) h->count[lengths[i]]++;
    h->count[0] = 0;
    at[0] = at[1] = 0;
    for (i = 1; i < 16; i++) {
        left = 2 * left - h->count[i];
        if (left < 0) return 0; /* more codes than there is room for */
        if (i < 15) at[i + 1] = (uint16_t)(at[i] + h->count[i]);
    }
    for (i = 0; i < n; i++)
        if (lengths[i]) h->symbol[at[lengths[i]]++] = (uint16_t)i;
    return 1;
}

static unsigned gmlp__huffman_take(const gmlp__huffman *h, gmlp__bits *b) { /* 999: no such code */
    unsigned code = 0, first = 0, index = 0;
    int length;
    for (length = 1; length < 16; length++) {
        code = code << 1 | gmlp__bits_take(b, 1);
        first <<= 1;
        if (code - first < h->count[length]) return h->symbol[index + code - first];
        index += h->count[length];
        first += h->count[length];
    }
    return 999;
}

/* The two codes of a dynamic block. */
static int gmlp__inflate_codes(gmlp__bits *b, gmlp__huffman *literal, gmlp__huffman *distance) {
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[320];
    const unsigned literals = gmlp__bits_take(b, 5) + 257, distances = gmlp__bits_take(b, 5) + 1;
    const unsigned all = literals + distances, given = gmlp__bits_take(b, 4) + 4;
    unsigned i, s, repeat;
    uint8_t value;
    if (literals > 286) return 0;
    memset(lengths, 0, sizeof lengths);
    for (i = 0; i < given; i++) lengths[order[i]] = (uint8_t)gmlp__bits_take(b, 3);
    if (!gmlp__huffman_build(literal, lengths, 19)) return 0;
    for (i = 0; i < all;) {
        s = gmlp__huffman_take(literal, b);
        if (s > 18 || (s == 16 && !i)) return 0;
        value = (uint8_t)(s < 16 ? s : s == 16 ? lengths[i - 1] : 0);
        repeat = s < 16  ? 1
               : s == 16 ? 3 + gmlp__bits_take(b, 2)
               : s == 17 ? 3 + gmlp__bits_take(b, 3)
                         : 11 + gmlp__bits_take(b, 7);
        if (repeat > all - i) return 0;
        while (repeat--) lengths[i++] = value;
    }
    return gmlp__huffman_build(literal, lengths, literals) &&
           gmlp__huffman_build(distance, lengths + literals, distances);
}

/* A zlib stream; returns the bytes written, 0 if it is malformed or does not fit. The Adler checksum is not
   looked at: a blob has its own. */
static size_t gmlp__inflate(const uint8_t *p, size_t n, uint8_t *out, size_t capacity) {
    gmlp__huffman fixed[2], own[2], *codes; /* of literals and distances */
    gmlp__bits b;
    uint8_t lengths[288];
    size_t at = 0, back;
    unsigned last, type, s, length, i;
    int extra;
    memset(&b, 0, sizeof b);
    b.in.p = p;
    b.in.left = n;
    if ((gmlp__bits_take(&b, 8) & 15) != 8 || (gmlp__bits_take(&b, 8) & 32)) return 0; /* deflate, no dictionary */
    for (i = 0; i < 288; i++) lengths[i] = (uint8_t)(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
    gmlp__huffman_build(&fixed[0], lengths, 288);
    memset(lengths, 5, 30);
    gmlp__huffman_build(&fixed[1], lengths, 30);
    do {
        last = gmlp__bits_take(&b, 1);
        type = gmlp__bits_take(&b, 2);
        if (type == 3 || b.in.failed) return 0;
        if (type == 0) { /* stored */
            b.held = 0;
            b.count = 0;
            length = gmlp__rd_le(&b.in, 2);
            s = gmlp__rd_le(&b.in, 2);
            if (b.in.failed || (length ^ s) != 0xffff || length > capacity - at || length > b.in.left) return 0;
            memcpy(out + at, b.in.p, length);
            b.in.p += length;
            b.in.left -= length;
            at += length;
            continue;
        }
        codes = type == 1 ? fixed : own;
        if (type == 2 && !gmlp__inflate_codes(&b, &own[0], &own[1])) return 0;
        while ((s = gmlp__huffman_take(&codes[0], &b)) != 256) {
            if (s > 285 || b.in.failed || at == capacity) return 0;
            if (s < 256) {
                out[at++] = (uint8_t)s;
                continue;
            }
            s -= 257; /* lengths 3..258, in groups of four with one more extra bit each */
            extra = s < 8 || s == 28 ? 0 : (int)(s / 4) - 1;
            length = s < 8 ? 3 + s : s == 28 ? 258 : 3 + ((4 + s % 4) << extra) + gmlp__bits_take(&b, extra);
            s = gmlp__huffman_take(&codes[1], &b); /* distances 1..32768, in groups of two */
            if (s > 29) return 0;
            extra = s < 4 ? 0 : (int)(s / 2) - 1;
            back = s < 4 ? 1 + s : 1 + ((2 + s % 2) << extra) + gmlp__bits_take(&b, extra);
            if (back > at || length > capacity - at) return 0;
            for (; length; length--, at++) out[at] = out[at - back];
        }
    } while (!last);
    return b.in.failed ? 0 : at;
}

static uint32_t gmlp__be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The text of an iTXt chunk with this keyword; NULL if it is another or malformed. */
static const uint8_t *gmlp__itxt(const uint8_t *p, size_t n, const char *keyword, size_t keyword_size, size_t *size,
                                 int *packed) {
    const uint8_t *nul, *end = p + n;
    int i;
    if (!gmlp__starts(p, n, keyword, keyword_size) || n - keyword_size < 2) return NULL;
    *packed = p[keyword_size] != 0;
    p += keyword_size + 2;
    for (i = 0; i < 2; i++) { /* language, translated keyword */
        nul = (const uint8_t *)memchr(p, 0, (size_t)(end - p));
        if (!nul) return NULL;
        p = nul + 1;
    }
    *size = (size_t)(end - p);
    return p;
}

/* Moves to the next chunk; all zero starts at the beginning. IEND and all after it are one. */
static gmlp_result gmlp__png_next(const uint8_t *p, size_t size, gmlp__part *part, gmlp_error *err) {
    const size_t i = part->end;
    const int has_picture = part->has_picture;
    const uint8_t *type, *text;
    size_t n;
    memset(part, 0, sizeof *part);
    part->start = i;
    part->number = part->total = 1;
    part->has_picture = has_picture;
    if (i == 0) {
        if (!gmlp__starts(p, size, "\x89PNG\r\n\x1a\n", 8))
            return gmlp__fail(err, GMLP_E_FORMAT, 0, "this is not a PNG file");
        part->end = 8;
        return GMLP_OK;
    }
    if (size - i < 12) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the PNG file ends within a chunk");
    n = gmlp__be32(p + i);
    if (n > 0x7fffffff) return gmlp__fail(err, GMLP_E_FORMAT, i, "a PNG chunk is longer than allowed");
    if (size - i - 12 < n) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the PNG file ends within a chunk");
    type = p + i + 4;
    part->body = type + 4;
    part->size = n;
    part->end = i + 12 + n;
    part->is_insert = i > 8;
    if ((i == 8) != !memcmp(type, "IHDR", 4) || (i == 8 && n != 13))
        return gmlp__fail(err, GMLP_E_FORMAT, i, "a PNG file starts with one header of 13 bytes");
    if (!memcmp(type, "IDAT", 4)) part->has_picture = 1;
    else if (!memcmp(type, "IEND", 4)) {
        if (!part->has_picture) return gmlp__fail(err, GMLP_E_FORMAT, i, "the PNG file has no picture");
        part->end = size;
        part->last = 1;
    } else if (!memcmp(type, "sRGB", 4) || !memcmp(type, "iCCP", 4) || !memcmp(type, "cICP", 4)) part->is_color = 1;
    else if (!memcmp(type, "gmLP", 4)) part->carrier = GMLP_CARRIER_PNG_CHUNK;
    else if (!memcmp(type, "tEXt", 4) && gmlp__starts(part->body, n, GMLP__ID, GMLP__ID_SIZE)) {
        part->carrier = GMLP_CARRIER_PNG_TEXT;
        part->body += GMLP__ID_SIZE;
        part->size -= GMLP__ID_SIZE;
    } else if (!memcmp(type, "zTXt", 4) && n > GMLP__ID_SIZE && gmlp__starts(part->body, n, GMLP__ID, GMLP__ID_SIZE)) {
        part->carrier = GMLP_CARRIER_PNG_TEXT; /* ImageMagick and libvips write tEXt so */
        part->packed = 1;
        part->body += GMLP__ID_SIZE + 1;
        part->size -= GMLP__ID_SIZE + 1;
    } else if (!memcmp(type, "iTXt", 4)) {
        text = gmlp__itxt(part->body, n, GMLP__ID, GMLP__ID_SIZE, &part->size, &part->packed);
        if (text) part->carrier = GMLP_CARRIER_PNG_TEXT;
        else {
            text = gmlp__itxt(part->body, n, GMLP__ITXT_XMP, GMLP__ITXT_KEYWORD, &part->size, &part->packed);
            if (text) part->carrier = GMLP_CARRIER_XMP;
        }
        if (text) part->body = text;
    }
    if (part->carrier) part->damaged = gmlp__crc32(0, type, n + 4) != gmlp__be32(type + 4 + n);
    if (part->damaged && part->carrier == GMLP_CARRIER_XMP) part->carrier = 0; /* not ours to mend */
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_png_extract(const void *png, size_t size, const gmlp_alloc *alloc, void **blob,
                                      size_t *blob_size, gmlp_error *err) {
    return gmlp__extract(GMLP_CONTAINER_PNG, png, size, alloc, blob, blob_size, err);
}

#ifndef GMLP_DECODE_ONLY
GMLP_DEF gmlp_result gmlp_png_embed(const void *png, size_t size, const void *blob, size_t blob_size,
                                    const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err) {
    return gmlp__embed(GMLP_CONTAINER_PNG, png, size, blob, blob_size, opts, out, err);
}

GMLP_DEF gmlp_result gmlp_png_strip(const void *png, size_t size, const gmlp_writer *out, gmlp_error *err) {
    return gmlp__rewrite(GMLP_CONTAINER_PNG, png, size, NULL, 0, 0, 0, out, err);
}
#endif /* GMLP_DECODE_ONLY */

/* ---------------------------------------------------------------------------------------
   >>ktx2: carry a blob in a KTX2 file; files of any of these kinds
*/
#define GMLP__KTX2_ID "\xabKTX 20\xbb\r\n\x1a\n"
#define GMLP__KTX2_KEY "GMLPnet"
#define GMLP__KTX2_KEY_SIZE 8u   /* with its NUL */
#define GMLP__KTX2_HEAD 80u      /* bytes before the index of levels */

static uint32_t gmlp__le32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Moves to the next key and value of a KTX2 file; all zero starts at the beginning. What is before them is one part,
   and so is what is behind. */
static gmlp_result gmlp__ktx2_next(const uint8_t *p, size_t size, gmlp__part *part, gmlp_error *err) {
    const size_t i = part->end;
    size_t n = 0, at = 0, end;
    memset(part, 0, sizeof *part);
    part->start = i;
    part->number = part->total = 1;
    if (!gmlp__starts(p, size, GMLP__KTX2_ID, 12)) return gmlp__fail(err, GMLP_E_FORMAT, 0, "this is not a KTX2 file");
    if (size >= GMLP__KTX2_HEAD) {
        n = gmlp__le32(p + 60);
        at = n ? gmlp__le32(p + 56) : size;
    }
    if (at < GMLP__KTX2_HEAD || at > size || size - at < n)
        return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the KTX2 file ends before its keys and values do");
    end = at + n;
    part->end = i ? size : at;
    part->last = i == end;
    if (!i || i == end) return GMLP_OK;
    if (end - i >= 4) n = gmlp__le32(p + i);
    if (end - i < 4 || end - i - 4 < n)
        return gmlp__fail(err, GMLP_E_FORMAT, i, "a KTX2 key and value are longer than all of them");
    part->body = p + i + 4;
    part->size = n;
    n = (n + 7) & ~(size_t)3;
    part->end = end - i < n ? end : i + n;
    if (gmlp__starts(part->body, part->size, GMLP__KTX2_KEY, GMLP__KTX2_KEY_SIZE)) {
        part->carrier = GMLP_CARRIER_KTX2_KEY;
        part->body += GMLP__KTX2_KEY_SIZE;
        part->size -= GMLP__KTX2_KEY_SIZE;
    }
    return GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_ktx2_extract(const void *ktx2, size_t size, const gmlp_alloc *alloc, void **blob,
                                       size_t *blob_size, gmlp_error *err) {
    return gmlp__extract(GMLP_CONTAINER_KTX2, ktx2, size, alloc, blob, blob_size, err);
}

GMLP_DEF int gmlp_container_kind(const void *bytes, size_t size) {
    const uint8_t *p = (const uint8_t *)bytes;
    if (!p) return GMLP_CONTAINER_NONE;
    if (gmlp__starts(p, size, "\xff\xd8\xff", 3)) return GMLP_CONTAINER_JPEG;
    if (gmlp__starts(p, size, GMLP__KTX2_ID, 12)) return GMLP_CONTAINER_KTX2;
    return gmlp__starts(p, size, "\x89PNG\r\n\x1a\n", 8) ? GMLP_CONTAINER_PNG : GMLP_CONTAINER_NONE;
}

GMLP_DEF gmlp_result gmlp_extract(const void *file, size_t size, const gmlp_alloc *alloc, void **blob,
                                  size_t *blob_size, gmlp_error *err) {
    const int kind = gmlp_container_kind(file, size);
    if (blob) *blob = NULL;
    if (blob_size) *blob_size = 0;
    if (kind == GMLP_CONTAINER_NONE) return gmlp__fail(err, GMLP_E_FORMAT, 0, "this is no JPEG, PNG or KTX2 file");
    return gmlp__extract(kind, file, size, alloc, blob, blob_size, err);
}

GMLP_DEF gmlp_result gmlp_open(const void *file, size_t size, const gmlp_alloc *alloc, gmlp_net *net, gmlp_error *err) {
    void *blob;
    size_t blob_size;
    gmlp_result result;
    if (!net) return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "no net given");
    memset(net, 0, sizeof *net);
    result = gmlp_extract(file, size, alloc, &blob, &blob_size, err);
    if (result) return result;
    result = gmlp_blob_read(blob, blob_size, alloc, net, err);
    gmlp_bytes_free(blob, blob_size, alloc);
    return result;
}

#ifndef GMLP_DECODE_ONLY
/* Writing. */

static uint64_t gmlp__le64(const uint8_t *p) { return gmlp__le32(p) | (uint64_t)gmlp__le32(p + 4) << 32; }

static void gmlp__emit_le(gmlp__out *o, uint64_t v, size_t n) { /* 4 or 8 bytes */
    uint8_t b[8];
    gmlp__put_le(b, (uint32_t)(v & 0xffffffffu), 4);
    gmlp__put_le(b + 4, (uint32_t)(v >> 32), 4);
    gmlp__emit(o, b, n);
}

static void gmlp__emit_zeros(gmlp__out *o, size_t n) {
    static const uint8_t zero[1] = {0};
    while (n--) gmlp__emit(o, zero, 1);
}

/* Where the parts of a file lie that come one after the other. */
typedef struct gmlp__ktx2_plan {
    size_t index_end, keys, keys_size, global, global_size, levels; /* levels: the first that is stored */
    uint32_t level_count, align; /* a level starts at a multiple of that */
} gmlp__ktx2_plan;

static gmlp_result gmlp__ktx2_plan_of(const uint8_t *p, size_t size, gmlp__ktx2_plan *f, gmlp_error *err) {
    const uint32_t dfd = gmlp__le32(p + 48), dfd_size = gmlp__le32(p + 52);
    const uint64_t global = gmlp__le64(p + 64), global_size = gmlp__le64(p + 72);
    const uint8_t *level = p + GMLP__KTX2_HEAD;
    uint64_t at, n, behind;
    uint32_t i;
    f->level_count = gmlp__le32(p + 40);
    if (!f->level_count) f->level_count = 1;
    if (f->level_count > (size - GMLP__KTX2_HEAD) / 24)
        return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the KTX2 file ends within its index of levels");
    f->index_end = GMLP__KTX2_HEAD + 24 * (size_t)f->level_count;
    f->keys_size = gmlp__le32(p + 60);
    f->keys = f->keys_size ? gmlp__le32(p + 56) : (size_t)dfd + dfd_size;
    f->global_size = (size_t)global_size;
    f->global = global_size ? (size_t)global : 0;
    if (dfd < f->index_end || dfd > f->keys || f->keys - dfd < dfd_size || f->keys > size)
        return gmlp__fail(err, GMLP_E_FORMAT, 48, "the parts of the KTX2 file are not in their order");
    behind = f->keys + f->keys_size;
    if (global_size) {
        if (global < behind || global > size || size - global < global_size)
            return gmlp__fail(err, GMLP_E_FORMAT, 64, "the parts of the KTX2 file are not in their order");
        behind = global + global_size;
    }
    f->levels = size;
    for (i = 0; i < f->level_count; i++) {
        at = gmlp__le64(level + 24 * i);
        n = gmlp__le64(level + 24 * i + 8);
        if (at > size || size - at < n)
            return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the KTX2 file ends before its levels do");
        if (at < behind)
            return gmlp__fail(err, GMLP_E_FORMAT, f->index_end - 24 * (size_t)(f->level_count - i),
                              "the parts of the KTX2 file are not in their order");
        if (at < f->levels) f->levels = (size_t)at;
    }
    f->align = 1;
    if (!gmlp__le32(p + 44)) { /* not compressed: the least common multiple of a block's bytes and 4 */
        if (dfd_size >= 24) f->align = p[dfd + 20];
        f->align = f->align % 4 == 0 ? f->align : f->align % 2 == 0 ? 2 * f->align : 4 * f->align;
        if (!f->align) f->align = 4;
    }
    return GMLP_OK;
}

/* The keys and values without the key of ours, and with it, in the order of their bytes, if blob is given. */
static void gmlp__emit_keys(gmlp__out *o, const uint8_t *p, size_t size, const uint8_t *blob, size_t blob_size) {
    gmlp__part part;
    size_t n;
    memset(&part, 0, sizeof part);
    for (;;) {
        gmlp__ktx2_next(p, size, &part, NULL);
        n = part.size < GMLP__KTX2_KEY_SIZE ? part.size : GMLP__KTX2_KEY_SIZE;
        if (blob && part.start && (part.last || (!part.carrier && memcmp(part.body, GMLP__KTX2_KEY, n) > 0))) {
            gmlp__emit_le(o, GMLP__KTX2_KEY_SIZE + blob_size, 4);
            gmlp__emit(o, GMLP__KTX2_KEY, GMLP__KTX2_KEY_SIZE);
            gmlp__emit(o, blob, blob_size);
            gmlp__emit_zeros(o, (0 - blob_size) & 3);
            blob = NULL;
        }
        if (part.last) return;
        if (!part.start || part.carrier) continue;
        gmlp__emit(o, p + part.start, part.end - part.start);
        gmlp__emit_zeros(o, (part.start - part.end) & 3);
    }
}

static gmlp_result gmlp__ktx2_rewrite(const void *file, size_t size, const uint8_t *blob, size_t blob_size,
                                      const gmlp_writer *to, gmlp_error *err) {
    const uint8_t *p = (const uint8_t *)file;
    uint64_t global, levels;
    gmlp__ktx2_plan f;
    gmlp__part part;
    gmlp__out o;
    gmlp_result result;
    size_t keys_size;
    uint32_t i;
    int ours = 0;
    if (!file || !to || !to->write) return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "no file, or nowhere to write");
    memset(&part, 0, sizeof part);
    memset(&o, 0, sizeof o);
    do { /* first all of the file is read */
        result = gmlp__ktx2_next(p, size, &part, err);
        if (result) return result;
        ours |= part.carrier;
    } while (!part.last);
    result = gmlp__ktx2_plan_of(p, size, &f, err);
    if (result) return result;
    gmlp__emit_keys(&o, p, size, blob, blob_size); /* counts */
    if (f.keys > 0x7fff0000u || o.count > 0x7fff0000u - f.keys)
        return gmlp__fail(err, GMLP_E_LIMIT, f.keys, "the KTX2 file's keys and values have no room for the network");
    keys_size = o.count;
    levels = f.keys + keys_size;
    global = f.global_size ? (levels + 7) / 8 * 8 : 0;
    if (global) levels = global + f.global_size;
    levels = (levels + f.align - 1) / f.align * f.align;
    memset(&o, 0, sizeof o);
    o.to = *to;
    if (!blob && !ours) gmlp__emit(&o, p, size);
    else {
        gmlp__emit(&o, p, 56);
        gmlp__emit_le(&o, keys_size ? f.keys : 0, 4);
        gmlp__emit_le(&o, keys_size, 4);
        gmlp__emit_le(&o, global, 8);
        gmlp__emit_le(&o, f.global_size, 8);
        for (i = 0; i < f.level_count; i++) {
            const uint8_t *level = p + GMLP__KTX2_HEAD + 24 * (size_t)i;
            gmlp__emit_le(&o, gmlp__le64(level) - f.levels + levels, 8);
            gmlp__emit(&o, level + 8, 16);
        }
        gmlp__emit(&o, p + f.index_end, f.keys - f.index_end);
        gmlp__emit_keys(&o, p, size, blob, blob_size);
        if (global) {
            gmlp__emit_zeros(&o, (size_t)global - o.count);
            gmlp__emit(&o, p + f.global, f.global_size);
        }
        gmlp__emit_zeros(&o, (size_t)levels - o.count);
        gmlp__emit(&o, p + f.levels, size - f.levels);
    }
    return o.failed ? gmlp__fail(err, GMLP_E_WRITE, 0, "the output could not be written") : GMLP_OK;
}

GMLP_DEF gmlp_result gmlp_ktx2_embed(const void *ktx2, size_t size, const void *blob, size_t blob_size,
                                     const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err) {
    return gmlp__embed(GMLP_CONTAINER_KTX2, ktx2, size, blob, blob_size, opts, out, err);
}

GMLP_DEF gmlp_result gmlp_ktx2_strip(const void *ktx2, size_t size, const gmlp_writer *out, gmlp_error *err) {
    return gmlp__ktx2_rewrite(ktx2, size, NULL, 0, out, err);
}

GMLP_DEF gmlp_result gmlp_embed(const void *file, size_t size, const void *blob, size_t blob_size,
                                const gmlp_embed_opts *opts, const gmlp_writer *out, gmlp_error *err) {
    const int kind = gmlp_container_kind(file, size);
    if (kind == GMLP_CONTAINER_NONE) return gmlp__fail(err, GMLP_E_FORMAT, 0, "this is no JPEG, PNG or KTX2 file");
    return gmlp__embed(kind, file, size, blob, blob_size, opts, out, err);
}

GMLP_DEF gmlp_result gmlp_strip(const void *file, size_t size, const gmlp_writer *out, gmlp_error *err) {
    const int kind = gmlp_container_kind(file, size);
    if (kind == GMLP_CONTAINER_NONE) return gmlp__fail(err, GMLP_E_FORMAT, 0, "this is no JPEG, PNG or KTX2 file");
    return kind == GMLP_CONTAINER_KTX2 ? gmlp__ktx2_rewrite(file, size, NULL, 0, out, err)
                                       : gmlp__rewrite(kind, file, size, NULL, 0, 0, 0, out, err);
}
#endif /* GMLP_DECODE_ONLY */

#ifndef GMLP_NO_LETNET
/* ---------------------------------------------------------------------------------------
   >>letnet: an estimate of the wide gamut where no network travels with the picture
*/
/* Planes hold pixels of K floats each, row after row, with a border of zeros around the picture. */
enum {
    GMLP__LET_INPUTS = 9,
    GMLP__LET_NARROW = 8,       /* neurons of the attention */
    GMLP__LET_OUT = 16,         /* floats of a pixel's output: 3, padded */
    GMLP__LET_HISTORY = 4,      /* of the solver */
    GMLP__LET_SIDE = 160,       /* of a tile with what is around it */
    GMLP__LET_HALO = 8,
    GMLP__LET_CORE = GMLP__LET_SIDE - 2 * GMLP__LET_HALO,
    GMLP__LET_AFTER = 16,       /* pixels past a plane that convolutions may read */
    GMLP__LET_HEAD = 8,
    GMLP__LET_VERSION = 1
};
#define GMLP__LET_MEMORY ((size_t)192 << 20)

/* Where the parts of the weights start. The last convolution has GMLP__LET_OUT columns in a packed block. */
typedef struct gmlp__letnet_shape {
    size_t c, h;
    size_t i1, ib1, i2, ib2, h1, hb1, h2, hb2, v1, vb1, v2, vb2, o, ob, count, packed;
} gmlp__letnet_shape;

/* 0: the sizes are not allowed. */
static int gmlp__letnet_shape_of(int channels, int hidden, gmlp__letnet_shape *s) {
    if (channels < 16 || channels > GMLP_LETNET_MAX_WIDTH || channels % 16) return 0;
    if (hidden < 16 || hidden > GMLP_LETNET_MAX_WIDTH || hidden % 16) return 0;
    s->c = (size_t)channels;
    s->h = (size_t)hidden;
    s->i1 = 0;
    s->ib1 = s->i1 + 9 * GMLP__LET_INPUTS * s->c;
    s->i2 = s->ib1 + s->c;
    s->ib2 = s->i2 + 9 * s->c * s->c;
    s->h1 = s->ib2 + s->c;
    s->hb1 = s->h1 + 9 * s->c * s->h;
    s->h2 = s->hb1 + s->h;
    s->hb2 = s->h2 + 9 * s->h * s->c;
    s->v1 = s->hb2 + s->c;
    s->vb1 = s->v1 + s->c * GMLP__LET_NARROW;
    s->v2 = s->vb1 + GMLP__LET_NARROW;
    s->vb2 = s->v2 + GMLP__LET_NARROW * s->c;
    s->o = s->vb2 + s->c;
    s->ob = s->o + 9 * s->c * GMLP__LET_OUT;
    s->count = s->o + 9 * s->c * 3 + 3;
    s->packed = s->ob + GMLP__LET_OUT;
    return 1;
}

GMLP_DEF size_t gmlp_letnet_weights(int channels, int hidden) {
    gmlp__letnet_shape s;
    return gmlp__letnet_shape_of(channels, hidden, &s) ? s.count : 0;
}

/* Of o: steps of training that suit the other layers would be too large for it. */
#define GMLP__LET_SCALE (1.0f / 16.0f)

static void gmlp__letnet_pack(const gmlp__letnet_shape *s, const float *flat, float *block) {
    size_t i, c;
    memcpy(block, flat, s->o * sizeof(float));
    memset(block + s->o, 0, (s->packed - s->o) * sizeof(float));
    for (i = 0; i <= 9 * s->c; i++) /* the biases are one row more */
        for (c = 0; c < 3; c++) block[s->o + i * GMLP__LET_OUT + c] = flat[s->o + i * 3 + c] * GMLP__LET_SCALE;
}

GMLP_DEF void gmlp_letnet_free(gmlp_letnet *net) {
    if (!net) return;
    gmlp__free(&net->alloc, net->weights, gmlp_letnet_weights(net->channels, net->hidden) * sizeof(float));
    memset(net, 0, sizeof *net);
}

GMLP_DEF gmlp_result gmlp_letnet_read(const void *bytes, size_t size, const gmlp_alloc *alloc, gmlp_letnet *net,
                                      gmlp_error *err) {
    const uint8_t *p = (const uint8_t *)bytes;
    gmlp_letnet n;
    size_t i, count, need;
    if (net) memset(net, 0, sizeof *net);
    if (!bytes || !net) return gmlp__fail(err, GMLP_E_ARGUMENT, 0, "no bytes or no network given");
    if (size < 4 || memcmp(p, "gLET", 4)) return gmlp__fail(err, GMLP_E_FORMAT, 0, "not a general network");
    if (size < GMLP__LET_HEAD) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the network ends early");
    if (p[4] > GMLP__LET_VERSION) return gmlp__fail(err, GMLP_E_NEWER, 4, "the network is of a newer version");
    memset(&n, 0, sizeof n);
    n.channels = 16 * (int)p[5];
    n.hidden = 16 * (int)p[6];
    count = gmlp_letnet_weights(n.channels, n.hidden);
    if (p[4] < 1 || p[7] || !count) return gmlp__fail(err, GMLP_E_FIELD, 4, "the network's sizes are not allowed");
    need = GMLP__LET_HEAD + 2 * count + GMLP__BLOB_CRC;
    if (size < need) return gmlp__fail(err, GMLP_E_TRUNCATED, size, "the network ends early");
    if (size > need) return gmlp__fail(err, GMLP_E_FORMAT, need, "bytes follow the network");
    need -= GMLP__BLOB_CRC;
    for (i = 0; i < GMLP__BLOB_CRC; i++)
        if (p[need + i] != (gmlp__crc32(0, p, need) >> 8 * i & 255u))
            return gmlp__fail(err, GMLP_E_CORRUPT, need, "the network's checksum does not match");
    if (alloc) n.alloc = *alloc;
    n.weights = (float *)gmlp__alloc(&n.alloc, count * sizeof(float));
    if (!n.weights) return gmlp__fail(err, GMLP_E_MEMORY, GMLP__LET_HEAD, "no memory for the weights");
    p += GMLP__LET_HEAD;
    for (i = 0; i < count; i++, p += 2) {
        n.weights[i] = gmlp_half_to_float((uint16_t)(p[0] | p[1] << 8));
        if (!gmlp__finite(n.weights[i])) {
            gmlp_letnet_free(&n);
            return gmlp__fail(err, GMLP_E_WEIGHT, GMLP__LET_HEAD + 2 * i, "a weight is not a finite number");
        }
    }
    *net = n;
    return GMLP_OK;
}

/* The sum of products, in double over blocks that floats add up in 64 lanes. n is a multiple of 64. */
static double gmlp__letnet_dot(const gmlp__letnet_kernels *k, const float *a, const float *b, size_t n) {
    float lanes[64];
    double sum = 0.0;
    size_t i, j, m;
    for (i = 0; i < n; i += m) {
        m = n - i < 4096 ? n - i : 4096;
        k->dot(a + i, b + i, lanes, m);
        for (j = 0; j < 64; j++) sum += (double)lanes[j];
    }
    return sum;
}

/* Anderson acceleration of z = F(z), n floats, a multiple of 64. */
typedef struct gmlp__anderson {
    const gmlp__letnet_kernels *kernels;
    size_t n;
    void (*apply)(void *ctx, const float *z, float *f); /* f = F(z) */
    void *ctx;
    float *z;                                           /* the start; changed */
    float *f[GMLP__LET_HISTORY], *g[GMLP__LET_HISTORY]; /* for values and residuals */
    float *spare;
    int iterations;
    double tolerance;
    float *residual; /* NULL, or one an iteration */
} gmlp__anderson;

/* The alpha that minimize |sum of alpha[i] g[i]| with a sum of 1, from the products of the g; 0: there are none. */
static int gmlp__anderson_weights(double gram[GMLP__LET_HISTORY][GMLP__LET_HISTORY], int n,
                                  float alpha[GMLP__LET_HISTORY]) {
    double a[GMLP__LET_HISTORY][GMLP__LET_HISTORY + 1], ridge = 0.0, sum = 0.0;
    int i, j, k;
    for (i = 0; i < n; i++) ridge += gram[i][i];
    ridge = gmlp__dmul(ridge / n, 1e-6);
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) a[i][j] = gram[i][j] + (i == j ? ridge : 0.0);
        a[i][n] = 1.0;
    }
    for (k = 0; k < n; k++) { /* positive definite: no pivots are sought */
        if (!(a[k][k] > 0.0)) return 0;
        for (i = k + 1; i < n; i++) {
            const double factor = a[i][k] / a[k][k];
            for (j = k; j <= n; j++) a[i][j] -= gmlp__dmul(factor, a[k][j]);
        }
    }
    for (k = n - 1; k >= 0; k--) {
        for (j = k + 1; j < n; j++) a[k][n] -= gmlp__dmul(a[k][j], a[j][n]);
        a[k][n] /= a[k][k];
        sum += a[k][n];
    }
    for (i = 0; i < n; i++) {
        const double v = a[i][n] / sum;
        if (!(v > -1e4 && v < 1e4)) return 0;
        alpha[i] = (float)v;
    }
    return 1;
}

/* Returns how many times F was applied. *best: the F(z) of the smallest residual |F(z) - z| / |F(z)|, which is *least;
   the start if there was none that is a number. */
static int gmlp__anderson_solve(gmlp__anderson *a, const float **best, float *least) {
    double gram[GMLP__LET_HISTORY][GMLP__LET_HISTORY], best_residual = 0.0;
    const gmlp__letnet_kernels *k = a->kernels;
    float alpha[GMLP__LET_HISTORY];
    int done, held = 0, best_slot = -1, again = 0, i, j;
    memset(gram, 0, sizeof gram);
    *best = NULL;
    for (done = 0; done < a->iterations;) {
        const int slot = held < GMLP__LET_HISTORY ? held : GMLP__LET_HISTORY - 1;
        const float *order[GMLP__LET_HISTORY];
        double residual, size;
        if (held == GMLP__LET_HISTORY) { /* the oldest leaves */
            float *f = a->f[0], *g = a->g[0];
            if (best_slot == 0) { /* and stays the best one */
                float *s = a->spare;
                a->spare = f;
                *best = f;
                f = s;
            }
            best_slot--;
            for (i = 1; i < held; i++) {
                a->f[i - 1] = a->f[i];
                a->g[i - 1] = a->g[i];
                for (j = 1; j < held; j++) gram[i - 1][j - 1] = gram[i][j];
            }
            a->f[slot] = f;
            a->g[slot] = g;
        }
        held = slot + 1;
        a->apply(a->ctx, a->z, a->f[slot]);
        k->subtract(a->f[slot], a->z, a->g[slot], a->n);
        for (i = 0; i < held; i++)
            gram[i][slot] = gram[slot][i] = gmlp__letnet_dot(k, a->g[slot], a->g[i], a->n);
        size = gmlp__letnet_dot(k, a->f[slot], a->f[slot], a->n);
        residual = gmlp__sqrt(gram[slot][slot] / (size > 1e-30 ? size : 1e-30));
        if (!(residual < 1e30)) break; /* nothing to go on from */
        if (a->residual) a->residual[done] = (float)residual;
        done++;
        if (!*best || residual < best_residual) {
            best_residual = residual;
            best_slot = slot;
            *best = a->f[slot];
        }
        if (residual <= a->tolerance) break;
        if (residual > 2.0 * best_residual || !gmlp__anderson_weights(gram, held, alpha)) {
            if (again && held == 1) break; /* the map itself leads away from there */
            again = 1;
            memcpy(a->z, *best, a->n * sizeof(float));
            if (best_slot >= 0) { /* it must not be written over */
                float *s = a->spare;
                a->spare = a->f[best_slot];
                a->f[best_slot] = s;
            }
            best_slot = -1;
            held = 0;
            continue;
        }
        for (i = 0; i < held; i++) order[i] = a->f[i];
        k->blend(order, alpha, (size_t)held, a->z, a->n);
    }
    if (!*best) *best = a->z;
    *least = (float)best_residual;
    return done;
}

/* What the solution of one tile needs. */
typedef struct gmlp__letnet_tile {
    const gmlp__letnet_kernels *kernels;
    const gmlp__letnet_shape *shape;
    const float *weights;        /* packed */
    size_t w, h, row, pixels;    /* row: of pixels with the border */
    uint8_t *mask;               /* [h][w]: 1 for saturated pixels */
    uint8_t *low, *high;         /* [h][w]: bit k for channel k */
    size_t saturated;
    float *light;                /* [h][w][3], linear sRGB */
    float *features, *x, *a, *b; /* planes of GMLP__LET_INPUTS, C, C and H */
    float *out;                  /* a plane of GMLP__LET_OUT */
    float *gate;                 /* [C], and a mean of C and GMLP__LET_NARROW before */
    gmlp__anderson solver;
} gmlp__letnet_tile;

/* Floats of a plane of k floats a pixel. */
static size_t gmlp__letnet_plane(const gmlp__letnet_tile *t, size_t k) {
    return ((t->pixels + GMLP__LET_AFTER) * k + 63) & ~(size_t)63;
}

/* Lays the tile over memory, or counts its floats if that is NULL. */
static size_t gmlp__letnet_lay(gmlp__letnet_tile *t, size_t w, size_t h, float *memory) {
    const size_t c = t->shape->c;
    size_t at = 0, i;
    t->w = w;
    t->h = h;
    t->row = w + 2;
    t->pixels = (w + 2) * (h + 2);
#define GMLP__LET_TAKE(to, n) \
    do { \
        if (memory) (to) = memory + at; \
        at += (n); \
    } while (0)
    GMLP__LET_TAKE(t->features, gmlp__letnet_plane(t, GMLP__LET_INPUTS));
    GMLP__LET_TAKE(t->x, gmlp__letnet_plane(t, c));
    GMLP__LET_TAKE(t->a, gmlp__letnet_plane(t, c));
    GMLP__LET_TAKE(t->b, gmlp__letnet_plane(t, t->shape->h));
    GMLP__LET_TAKE(t->out, gmlp__letnet_plane(t, GMLP__LET_OUT));
    GMLP__LET_TAKE(t->solver.z, gmlp__letnet_plane(t, c));
    GMLP__LET_TAKE(t->solver.spare, gmlp__letnet_plane(t, c));
    for (i = 0; i < GMLP__LET_HISTORY; i++) {
        GMLP__LET_TAKE(t->solver.f[i], gmlp__letnet_plane(t, c));
        GMLP__LET_TAKE(t->solver.g[i], gmlp__letnet_plane(t, c));
    }
    GMLP__LET_TAKE(t->light, 3 * w * h);
    GMLP__LET_TAKE(t->gate, 3 * GMLP_LETNET_MAX_WIDTH);
#undef GMLP__LET_TAKE
    if (memory) {
        t->mask = (uint8_t *)(memory + at);
        t->low = t->mask + w * h;
        t->high = t->low + w * h;
        memset(memory, 0, at * sizeof(float));
        t->solver.kernels = t->kernels;
        t->solver.n = (t->pixels * c + 63) & ~(size_t)63;
    }
    return at + (3 * w * h + 3) / 4;
}

/* out = K3(in) of a plane with the weights and biases at those places. */
static void gmlp__letnet_conv(const gmlp__letnet_tile *t, const float *in, size_t depth, const float *weights,
                              const float *bias, float *out, size_t cols) {
    gmlp__conv v;
    v.in = in;
    v.depth = depth;
    v.row = t->row;
    v.weights = weights;
    v.bias = bias;
    v.out = out + (t->row + 1) * cols;
    v.cols = cols;
    v.width = t->w;
    v.height = t->h;
    t->kernels->conv(&v);
}

/* s from u, the plane that it is a factor of. */
static void gmlp__letnet_attention(gmlp__letnet_tile *t, const float *u) {
    const gmlp__letnet_shape *s = t->shape;
    const float *w = t->weights;
    float *mean = t->gate + GMLP_LETNET_MAX_WIDTH, *narrow = mean + GMLP_LETNET_MAX_WIDTH;
    double total[GMLP_LETNET_MAX_WIDTH];
    size_t x, y, i, j;
    memset(total, 0, sizeof total);
    for (y = 0; y < t->h; y++) {
        const float *p = u + ((y + 1) * t->row + 1) * s->c;
        float sum[GMLP_LETNET_MAX_WIDTH];
        memset(sum, 0, sizeof sum);
        for (x = 0; x < t->w; x++, p += s->c)
            if (t->mask[y * t->w + x])
                for (i = 0; i < s->c; i++) sum[i] += p[i];
        for (i = 0; i < s->c; i++) total[i] += (double)sum[i];
    }
    for (i = 0; i < s->c; i++) mean[i] = t->saturated ? (float)(total[i] / (double)t->saturated) : 0.0f;
    for (j = 0; j < GMLP__LET_NARROW; j++) {
        float v = w[s->vb1 + j];
        for (i = 0; i < s->c; i++) v = gmlp__fmaf(mean[i], w[s->v1 + i * GMLP__LET_NARROW + j], v);
        narrow[j] = v > 0.0f ? v : 0.0f;
    }
    for (i = 0; i < s->c; i++) {
        float v = w[s->vb2 + i];
        for (j = 0; j < GMLP__LET_NARROW; j++) v = gmlp__fmaf(narrow[j], w[s->v2 + j * s->c + i], v);
        v = v > 60.0f ? 60.0f : v > -60.0f ? v : -60.0f;
        t->gate[i] = (float)(1.0 / (1.0 + gmlp__exp2(gmlp__dmul((double)v, -1.4426950408889634))));
    }
}

/* u, without s and x; a and b are what led to it. */
static void gmlp__letnet_inner(gmlp__letnet_tile *t, const float *z, float *u) {
    const gmlp__letnet_shape *s = t->shape;
    const float *w = t->weights;
    t->kernels->squash(z, t->x, t->a, t->solver.n);
    gmlp__letnet_conv(t, t->a, s->c, w + s->h1, w + s->hb1, t->b, s->h);
    t->kernels->squash(t->b, NULL, t->b, t->pixels * s->h);
    gmlp__letnet_conv(t, t->b, s->h, w + s->h2, w + s->hb2, u, s->c);
    gmlp__letnet_attention(t, u);
}

static void gmlp__letnet_apply(void *ctx, const float *z, float *f) {
    gmlp__letnet_tile *t = (gmlp__letnet_tile *)ctx;
    gmlp__letnet_inner(t, z, f);
    t->kernels->gate(t->gate, f, t->x, f, t->pixels, t->shape->c);
}

static void gmlp__letnet_input(gmlp__letnet_tile *t) {
    const gmlp__letnet_shape *s = t->shape;
    const float *w = t->weights;
    gmlp__letnet_conv(t, t->features, GMLP__LET_INPUTS, w + s->i1, w + s->ib1, t->a, s->c);
    t->kernels->squash(t->a, NULL, t->a, t->solver.n);
    gmlp__letnet_conv(t, t->a, s->c, w + s->i2, w + s->ib2, t->x, s->c);
}

/* x, and from it the solution, by at most o->iterations from 0 on. Of the first, F(0), the residual is 1 whatever F is:
   the solver starts after it. Returns the iterations. */
static int gmlp__letnet_solve(gmlp__letnet_tile *t, const gmlp_expand_opts *o, float *residual, const float **best,
                              float *least) {
    gmlp__letnet_input(t);
    memset(t->solver.z, 0, t->solver.n * sizeof(float));
    gmlp__letnet_apply(t, t->solver.z, t->solver.f[0]);
    if (residual) residual[0] = 1.0f;
    if (o->iterations == 1 || o->tolerance >= 1.0) {
        *best = t->solver.f[0];
        *least = 1.0f;
        return 1;
    }
    memcpy(t->solver.z, t->solver.f[0], t->solver.n * sizeof(float));
    t->solver.apply = gmlp__letnet_apply;
    t->solver.ctx = t;
    t->solver.iterations = o->iterations - 1;
    t->solver.tolerance = o->tolerance;
    t->solver.residual = residual ? residual + 1 : NULL;
    return 1 + gmlp__anderson_solve(&t->solver, best, least);
}

/* Columns or rows that a tile reads. */
typedef struct gmlp__letnet_axis {
    uint32_t first, count;
} gmlp__letnet_axis;

/* n pixels of im from (x, y) on, as a view of one row. */
static gmlp_image gmlp__letnet_view(const gmlp_image *im, uint32_t x, uint32_t y, uint32_t n) {
    const size_t step = gmlp__step(im->type, gmlp__channels(im->type, im->channels), im->plane_stride);
    gmlp_image v = *im;
    v.data = gmlp__row(im, y) + x * step;
    v.width = n;
    v.height = 1;
    return v;
}

/* Fills mask, low, high, light and features from base. */
static void gmlp__letnet_load(gmlp__letnet_tile *t, const gmlp_image *base, const gmlp__letnet_axis *columns,
                              const gmlp__letnet_axis *rows, const gmlp_converter *to_codes,
                              const gmlp_converter *to_light, int margin) {
    unsigned char codes[GMLP__LET_SIDE * 3];
    gmlp_image code_row, light_row;
    uint32_t x, y, c;
    memset(&code_row, 0, sizeof code_row);
    code_row.type = GMLP_U8;
    code_row.height = 1;
    code_row.width = columns->count;
    code_row.data = codes;
    light_row = code_row;
    light_row.type = GMLP_F32;
    t->saturated = 0;
    for (y = 0; y < rows->count; y++) {
        const gmlp_image part = gmlp__letnet_view(base, columns->first, rows->first + y, columns->count);
        light_row.data = t->light + (size_t)y * t->w * 3;
        gmlp__convert_rows(to_codes, &part, &code_row, 0, 1);
        gmlp__convert_rows(to_light, &part, &light_row, 0, 1);
        for (x = 0; x < columns->count; x++) {
            const size_t at = (size_t)y * t->w + x;
            const unsigned char *code = codes + (size_t)x * 3;
            float *f = t->features + (((size_t)y + 1) * t->row + x + 1) * GMLP__LET_INPUTS;
            t->mask[at] = (uint8_t)gmlp__saturated(code, margin);
            t->saturated += t->mask[at];
            t->low[at] = t->high[at] = 0;
            for (c = 0; c < 3; c++) {
                const int low = code[c] <= margin, high = code[c] >= 255 - margin;
                f[c] = (float)(2 * (int)code[c] - 255) * (1.0f / 255.0f);
                f[3 + c] = (float)low;
                f[6 + c] = (float)high;
                if (low) t->low[at] = (uint8_t)(t->low[at] | 1u << c);
                if (high) t->high[at] = (uint8_t)(t->high[at] | 1u << c);
            }
        }
    }
}

/* A tile of a picture, and what it has to report. */
typedef struct gmlp__letnet_done {
    gmlp__letnet_tile tile;
    gmlp__letnet_axis columns, rows; /* with what is around it */
    uint32_t x0, x1, y0, y1;         /* without */
    uint64_t saturated;
    int solved, iterations;
    float least, residual[GMLP_LETNET_MAX_ITERATIONS];
} gmlp__letnet_done;

/* What tiles say of a pixel, each as much as its share of it. */
typedef struct gmlp__letnet_sum {
    float by[3], share;
} gmlp__letnet_sum;

/* A picture being expanded. */
typedef struct gmlp__expansion {
    const gmlp__kernels *kernels;
    const gmlp__letnet_kernels *own;
    gmlp__letnet_shape shape;
    gmlp_expand_opts o;
    const gmlp_image *base, *out;
    gmlp_converter *to_codes, *to_light, *from_light;
    float matrix[9];                      /* linear sRGB to linear ProPhoto */
    float *weights, *memory;
    size_t floats;                        /* of one tile's memory */
    uint32_t across, down;                /* tiles */
    size_t first;                         /* of those that are solved at once */
    gmlp__letnet_done *done;              /* theirs */
    gmlp__letnet_sum *left, *above, *below; /* what neighbours give to a tile: [GMLP__LET_SIDE][2 GMLP__LET_HALO], and
                                               twice [2 GMLP__LET_HALO][width] */
} gmlp__expansion;

/* Light of the first n columns of row y of a tile, to out. Returns how many pixels were written. */
static uint64_t gmlp__letnet_store(const gmlp__expansion *e, const gmlp__letnet_tile *t, const gmlp__letnet_sum *sum,
                                   size_t y, size_t n, uint32_t out_x, uint32_t out_y) {
    float plane[3][GMLP__LET_SIDE], packed[GMLP__LET_SIDE * 3];
    uint8_t moved[GMLP__LET_SIDE];
    uint64_t count = 0;
    size_t i, j, c;
    memset(plane, 0, sizeof plane);
    for (i = 0; i < n; i++) {
        const size_t at = y * t->w + i;
        moved[i] = 0;
        if (!t->mask[at] || !(sum[i].share > 0.0f)) continue;
        for (c = 0; c < 3; c++) {
            const int low = t->low[at] >> c & 1, high = t->high[at] >> c & 1;
            const float light = t->light[at * 3 + c], o = sum[i].by[c] / sum[i].share;
            const float by = o > 0.0f && (low || high) ? o : 0.0f;
            plane[c][i] = low ? light - by : light + by;
            if (by > 0.0f) moved[i] = 1;
        }
        count += moved[i];
    }
    if (!count) return 0;
    e->kernels->matrix(e->matrix, plane[0], plane[1], plane[2], plane[0], plane[1], plane[2], GMLP__PAD(n));
    for (c = 0; c < 3; c++) {
        e->kernels->clamp(plane[c], plane[c], GMLP__PAD(n), 1.0f);
        for (i = 0; i < n; i++) packed[i * 3 + c] = plane[c][i];
    }
    for (i = 0; i < n; i = j) {
        for (j = i + 1; j < n && moved[j] == moved[i];) j++;
        if (moved[i]) {
            gmlp_image from, to = gmlp__letnet_view(e->out, out_x + (uint32_t)i, out_y, (uint32_t)(j - i));
            memset(&from, 0, sizeof from);
            from.data = packed + i * 3;
            from.width = to.width;
            from.height = 1;
            from.type = GMLP_F32;
            gmlp__convert_rows(e->from_light, &from, &to, 0, 1);
        }
    }
    return count;
}

/* The pixels first..last-1 of a side that tile i of so many writes, and what it needs around them. */
static void gmlp__letnet_around(uint32_t i, uint32_t tiles, uint32_t size, uint32_t *first, uint32_t *last,
                                gmlp__letnet_axis *a) {
    *first = i * GMLP__LET_CORE;
    *last = i + 1 == tiles ? size : *first + GMLP__LET_CORE;
    a->first = i ? *first - GMLP__LET_HALO : 0;
    a->count = (size - *last < GMLP__LET_HALO ? size : *last + GMLP__LET_HALO) - a->first;
}

static void gmlp__letnet_begin(const gmlp__expansion *e, gmlp__letnet_tile *t, size_t place) {
    memset(t, 0, sizeof *t);
    t->kernels = e->own;
    t->shape = &e->shape;
    t->weights = e->weights;
    if (e->memory) t->light = e->memory + place * e->floats;
}

/* Solves a tile of the picture, or the whole of a small one. */
static void gmlp__letnet_job(void *ctx, size_t job) {
    gmlp__expansion *e = (gmlp__expansion *)ctx;
    gmlp__letnet_done *d = &e->done[job];
    gmlp__letnet_tile *t = &d->tile;
    const size_t number = e->first + job;
    uint32_t x, y;
    const float *best;
    memset(d, 0, sizeof *d);
    gmlp__letnet_begin(e, t, job);
    gmlp__letnet_around((uint32_t)(number % e->across), e->across, e->base->width, &d->x0, &d->x1, &d->columns);
    gmlp__letnet_around((uint32_t)(number / e->across), e->down, e->base->height, &d->y0, &d->y1, &d->rows);
    gmlp__letnet_lay(t, d->columns.count, d->rows.count, t->light);
    gmlp__letnet_load(t, e->base, &d->columns, &d->rows, e->to_codes, e->to_light, e->o.clip_margin);
    for (y = d->y0; y < d->y1; y++)
        for (x = d->x0; x < d->x1; x++)
            d->saturated += t->mask[(size_t)(y - d->rows.first) * t->w + x - d->columns.first];
    if (!d->saturated) return;
    d->solved = 1;
    d->iterations = gmlp__letnet_solve(t, &e->o, d->residual, &best, &d->least);
    gmlp__letnet_conv(t, best, e->shape.c, e->weights + e->shape.o, e->weights + e->shape.ob, t->out, GMLP__LET_OUT);
}

/* A tile's share of column (row) i: it gives way to a neighbour over the pixels that both know, so that no border shows
   where their attention differs. */
static float gmlp__letnet_share(uint32_t i, uint32_t first, uint32_t last, uint32_t size) {
    const uint32_t halo = GMLP__LET_HALO;
    if (first && i < first + halo) return ((float)(i + halo - first) + 0.5f) / (float)(2 * halo);
    if (last < size && i + halo >= last) return ((float)(last + halo - i) - 0.5f) / (float)(2 * halo);
    return 1.0f;
}

static void gmlp__letnet_add(gmlp__letnet_sum *to, const gmlp__letnet_sum *a) {
    int c;
    for (c = 0; c < 3; c++) to->by[c] += a->by[c];
    to->share += a->share;
}

/* What a solved tile gives to the pixels of row y. Products in double, which are exact: none is fused with a sum. */
static void gmlp__letnet_give(const gmlp__expansion *e, const gmlp__letnet_done *d, uint32_t y, gmlp__letnet_sum *own) {
    const gmlp__letnet_tile *t = &d->tile;
    const float down = gmlp__letnet_share(y, d->y0, d->y1, e->base->height);
    uint32_t i, c;
    memset(own, 0, d->columns.count * sizeof *own);
    for (i = 0; i < d->columns.count && d->solved; i++) {
        const size_t row = y - d->rows.first;
        const float *o = t->out + ((row + 1) * t->row + i + 1) * GMLP__LET_OUT;
        if (!t->mask[row * t->w + i]) continue;
        own[i].share = down * gmlp__letnet_share(d->columns.first + i, d->x0, d->x1, e->base->width);
        for (c = 0; c < 3; c++) own[i].by[c] = (float)((double)own[i].share * (double)o[c]);
    }
}

/* Writes the pixels of a tile that no later one has a share of, and leaves its part of the others to these. Tiles come
   in rows. Returns how many pixels were written. */
static uint64_t gmlp__letnet_finish(const gmlp__expansion *e, const gmlp__letnet_done *d) {
    const uint32_t halo = GMLP__LET_HALO, zone = 2 * halo, width = e->base->width, x = d->columns.first,
                   n = d->columns.count, end = d->rows.first + d->rows.count,
                   right = d->x1 == width ? n : d->x1 - halo - x,
                   bottom = d->y1 == e->base->height ? end : d->y1 - halo;
    gmlp__letnet_sum own[GMLP__LET_SIDE], sum[GMLP__LET_SIDE];
    uint64_t count = 0;
    uint32_t y, i;
    for (y = d->rows.first; y < end; y++) {
        gmlp__letnet_sum *left = e->left + (size_t)(y - d->rows.first) * zone;
        gmlp__letnet_give(e, d, y, own);
        memcpy(sum, own, n * sizeof *own);
        for (i = 0; i < zone && i < n && d->x0; i++) gmlp__letnet_add(&sum[i], &left[i]);
        for (i = 0; i < right && d->y0 && y < d->y0 + halo; i++)
            gmlp__letnet_add(&sum[i], &e->above[(size_t)(y - d->rows.first) * width + x + i]);
        if (y < bottom) count += gmlp__letnet_store(e, &d->tile, sum, y - d->rows.first, right, x, y);
        else
            for (i = 0; i < n; i++) gmlp__letnet_add(&e->below[(size_t)(y - bottom) * width + x + i], &own[i]);
        if (right < n) memcpy(left, own + right, (n - right) * sizeof *own);
    }
    return count;
}

static gmlp_result gmlp__resolve_expand(const gmlp_expand_opts *opts, gmlp_expand_opts *o) {
    memset(o, 0, sizeof *o);
    if (opts) *o = *opts;
    if (!o->iterations) o->iterations = GMLP_LETNET_MAX_ITERATIONS;
    if (o->tolerance == 0.0) o->tolerance = 1e-3;
    return o->clip_margin < 0 || o->clip_margin > 63 || o->iterations < 1 ||
                   o->iterations > GMLP_LETNET_MAX_ITERATIONS || !(o->tolerance >= 1e-6 && o->tolerance <= 1.0)
               ? GMLP_E_ARGUMENT
               : GMLP_OK;
}

/* The converters of base's pixels. */
static gmlp_result gmlp__letnet_converters(const gmlp_image *base, const gmlp_convert_opts *c,
                                           gmlp_converter **to_codes, gmlp_converter **to_light) {
    const gmlp_result result = gmlp_converter_create(base->type, base->space, GMLP_U8, GMLP_SRGB, c, to_codes);
    return result ? result
                  : gmlp_converter_create(base->type, base->space, GMLP_F32, GMLP_SRGB_LINEAR, c, to_light);
}

static void gmlp__letnet_matrix(int adaptation, float matrix[9]) {
    double m[9];
    int i;
    gmlp_space_matrix(GMLP_SRGB, GMLP_PROPHOTO, adaptation, m);
    /* checked: these spaces have a matrix */
    for (i = 0; i < 9; i++) matrix[i] = (float)m[i];
}

GMLP_DEF gmlp_result gmlp_expand(const gmlp_letnet *net, const gmlp_image *base, const gmlp_image *out,
                                 const gmlp_expand_opts *opts, gmlp_expand_report *report) {
    const uint32_t side = GMLP__LET_SIDE;
    gmlp__expansion e;
    gmlp__letnet_tile t;
    gmlp_expand_report r;
    gmlp_convert_opts c;
    gmlp_result result;
    gmlp__fp_state fp;
    uint64_t most = 0; /* saturated pixels of a tile */
    size_t tiles, at_once, tasks, size, shared, i, n;
    if (report) memset(report, 0, sizeof *report);
    if (!net || !net->weights || !base || !out) return GMLP_E_ARGUMENT;
    memset(&e, 0, sizeof e);
    memset(&r, 0, sizeof r);
    result = gmlp__resolve_expand(opts, &e.o);
    if (!result) result = gmlp__check_pair(base, out);
    if (result) return result;
    e.kernels = gmlp__select(e.o.isa);
    if (!e.kernels || base->space != GMLP_SRGB || !gmlp__letnet_shape_of(net->channels, net->hidden, &e.shape))
        return GMLP_E_ARGUMENT;
    e.own = gmlp__letnet_select(e.kernels);
    e.base = base;
    e.out = out;
    memset(&c, 0, sizeof c);
    c.adaptation = e.o.adaptation;
    c.alpha = e.o.alpha;
    c.isa = e.o.isa;
    c.threads = e.o.threads;
    c.alloc = e.o.alloc;
    result = gmlp_convert(base, out, &c);
    if (result) return result;
    fp = gmlp__fp_enter();
    c.alpha = GMLP_ALPHA_KEEP;
    e.across = e.down = 1;
    if (base->width > side || base->height > side) {
        e.across = (base->width + GMLP__LET_CORE - 1) / GMLP__LET_CORE;
        e.down = (base->height + GMLP__LET_CORE - 1) / GMLP__LET_CORE;
    }
    tiles = (size_t)e.across * e.down;
    gmlp__letnet_begin(&e, &t, 0);
    e.floats = gmlp__letnet_lay(&t, base->width < side ? base->width : side, base->height < side ? base->height : side,
                                NULL);
    shared = tiles > 1 ? 2 * GMLP__LET_HALO * (2 * (size_t)base->width + GMLP__LET_SIDE) : 0;
    at_once = e.o.threads.parallel_for ? (GMLP__LET_MEMORY - shared * sizeof *e.left) / (e.floats * sizeof(float)) : 1;
    if (at_once < 1) at_once = 1;
    if (at_once > tiles) at_once = tiles;
    if (at_once > 64) at_once = 64;
    tasks = (at_once * sizeof *e.done + 63) & ~(size_t)63;
    size = tasks + shared * sizeof *e.left + (e.shape.packed + at_once * e.floats) * sizeof(float);
    result = gmlp__letnet_converters(base, &c, &e.to_codes, &e.to_light);
    if (!result)
        result = gmlp_converter_create(GMLP_F32, GMLP_PROPHOTO_LINEAR, out->type, out->space, &c, &e.from_light);
    if (!result && !(e.done = (gmlp__letnet_done *)gmlp__alloc(&e.o.alloc, size))) result = GMLP_E_MEMORY;
    if (!result) {
        e.left = (gmlp__letnet_sum *)(void *)((unsigned char *)e.done + tasks);
        e.above = e.left + 2 * GMLP__LET_HALO * GMLP__LET_SIDE;
        e.below = e.above + 2 * GMLP__LET_HALO * (size_t)base->width;
        e.weights = (float *)(void *)(e.left + shared);
        e.memory = e.weights + e.shape.packed;
        memset(e.left, 0, shared * sizeof *e.left);
        gmlp__letnet_pack(&e.shape, net->weights, e.weights);
        gmlp__letnet_matrix(e.o.adaptation, e.matrix);
        for (e.first = 0; e.first < tiles; e.first += n) {
            n = tiles - e.first < at_once ? tiles - e.first : at_once;
            gmlp__run(&e.o.threads, gmlp__letnet_job, &e, n);
            for (i = 0; i < n; i++) {
                const gmlp__letnet_done *d = &e.done[i];
                if (d->saturated > most) {
                    most = d->saturated;
                    memcpy(r.residual, d->residual, sizeof r.residual);
                }
                r.saturated += d->saturated;
                r.changed += gmlp__letnet_finish(&e, d);
                if ((e.first + i + 1) % e.across == 0) { /* the end of a row of tiles */
                    gmlp__letnet_sum *const above = e.above;
                    e.above = e.below;
                    e.below = above;
                    if (shared) memset(above, 0, 2 * GMLP__LET_HALO * (size_t)base->width * sizeof *above);
                }
                r.tiles += (uint32_t)d->solved;
                r.unsolved += d->solved && !((double)d->least <= e.o.tolerance);
                if (d->least > r.worst) r.worst = d->least;
                if (d->iterations > r.iterations) r.iterations = d->iterations;
            }
        }
        gmlp__free(&e.o.alloc, e.done, size);
        if (report) *report = r;
    }
    gmlp_converter_free(e.to_codes);
    gmlp_converter_free(e.to_light);
    gmlp_converter_free(e.from_light);
    gmlp__fp_leave(fp);
    return result;
}

#ifndef GMLP_DECODE_ONLY
GMLP_DEF gmlp_result gmlp_letnet_init(int channels, int hidden, uint64_t seed, const gmlp_alloc *alloc,
                                      gmlp_letnet *net) {
    gmlp__letnet_shape s;
    gmlp__fp_state fp;
    uint64_t counter = 0;
    size_t layer, i;
    if (net) memset(net, 0, sizeof *net);
    if (!net || !gmlp__letnet_shape_of(channels, hidden, &s)) return GMLP_E_ARGUMENT;
    if (alloc) net->alloc = *alloc;
    net->weights = (float *)gmlp__alloc(&net->alloc, s.count * sizeof(float));
    if (!net->weights) {
        memset(net, 0, sizeof *net);
        return GMLP_E_MEMORY;
    }
    net->channels = channels;
    net->hidden = hidden;
    fp = gmlp__fp_enter();
    memset(net->weights, 0, s.count * sizeof(float));
    for (layer = 0; layer < 7; layer++) {
        const size_t at[7] = {s.i1, s.i2, s.h1, s.h2, s.v1, s.v2, s.o};
        const size_t in[7] = {9 * GMLP__LET_INPUTS, 9 * s.c, 9 * s.c, 9 * s.h, s.c, GMLP__LET_NARROW, 9 * s.c};
        const size_t out[7] = {s.c, s.c, s.h, s.c, GMLP__LET_NARROW, s.c, 3};
        const size_t fan_out = layer == 4 || layer == 5 ? out[layer] : 9 * out[layer];
        const double gain = layer == 3 ? 0.5 : layer == 6 ? 0.3 : 1.0;
        const double bound = gmlp__dmul(gain, gmlp__sqrt(6.0 / (double)(in[layer] + fan_out)));
        for (i = 0; i < in[layer] * out[layer]; i++) {
            const double u = (double)(gmlp__random(seed, counter++) >> 11) * (1.0 / 4503599627370496.0) - 1.0;
            net->weights[at[layer] + i] = (float)gmlp__dmul(bound, u);
        }
    }
    gmlp__fp_leave(fp);
    return GMLP_OK;
}

GMLP_DEF size_t gmlp_letnet_size(const gmlp_letnet *net) {
    const size_t count = net ? gmlp_letnet_weights(net->channels, net->hidden) : 0;
    return count ? GMLP__LET_HEAD + 2 * count + GMLP__BLOB_CRC : 0;
}

GMLP_DEF gmlp_result gmlp_letnet_write(const gmlp_letnet *net, void *bytes, size_t capacity, size_t *size) {
    const size_t need = gmlp_letnet_size(net);
    uint8_t *p = (uint8_t *)bytes;
    size_t i, count;
    if (size) *size = 0;
    if (!need || !bytes || !size || !net->weights) return GMLP_E_ARGUMENT;
    if (capacity < need) return GMLP_E_BUFFER;
    count = gmlp_letnet_weights(net->channels, net->hidden);
    for (i = 0; i < count; i++)
        if (!gmlp__weight_ok(net->weights[i])) return GMLP_E_WEIGHT;
    memcpy(p, "gLET", 4);
    p[4] = GMLP__LET_VERSION;
    p[5] = (uint8_t)(net->channels / 16);
    p[6] = (uint8_t)(net->hidden / 16);
    p[7] = 0;
    p += GMLP__LET_HEAD;
    for (i = 0; i < count; i++) p = gmlp__put_le(p, gmlp_half_from_float(net->weights[i]), 2);
    gmlp__put_le(p, gmlp__crc32(0, (const uint8_t *)bytes, need - GMLP__BLOB_CRC), GMLP__BLOB_CRC);
    *size = need;
    return GMLP_OK;
}

/* The weights of the convolution that carries gradients back: turned by half, from and to exchanged. */
static void gmlp__letnet_turn(const float *w, size_t in, size_t cols, size_t out, float *turned) {
    size_t tap, i, j;
    for (tap = 0; tap < 9; tap++)
        for (i = 0; i < in; i++)
            for (j = 0; j < out; j++) turned[((8 - tap) * out + j) * in + i] = w[(tap * in + i) * cols + j];
}

/* Adds to the gradient of a convolution's weights and biases. */
static void gmlp__letnet_back(const gmlp__letnet_tile *t, const gmlp__kernels *k, const float *in, size_t depth,
                              const float *d, size_t cols, float *weights, float *bias) {
    size_t y, tap;
    for (y = 0; y < t->h; y++) {
        const float *from = d + ((y + 1) * t->row + 1) * cols;
        for (tap = 0; tap < 3; tap++)
            gmlp__product(k, in + (y + tap) * t->row * depth, 1, depth, from, cols, weights + tap * 3 * depth * cols,
                          cols, 3 * depth, t->w, cols, NULL, NULL, GMLP__GEMM_ADD);
        k->columns(from, t->w, cols, bias);
    }
}

/* The gradient of s by way of its mean, du, from that of F: df. */
static void gmlp__letnet_attention_back(const gmlp__letnet_tile *t, const float *u, const float *df, float *dmean,
                                        float *gradient) {
    const gmlp__letnet_shape *s = t->shape;
    const float *w = t->weights, *mean = t->gate + GMLP_LETNET_MAX_WIDTH, *narrow = mean + GMLP_LETNET_MAX_WIDTH;
    double total[GMLP_LETNET_MAX_WIDTH];
    float dv[GMLP_LETNET_MAX_WIDTH];
    size_t x, y, i, j;
    memset(total, 0, sizeof total);
    for (y = 0; y < t->h; y++) {
        const size_t at = ((y + 1) * t->row + 1) * s->c;
        float sum[GMLP_LETNET_MAX_WIDTH];
        memset(sum, 0, sizeof sum);
        for (x = 0; x < t->w; x++)
            for (i = 0; i < s->c; i++)
                sum[i] = gmlp__fmaf(u[at + x * s->c + i], df[at + x * s->c + i], sum[i]);
        for (i = 0; i < s->c; i++) total[i] += (double)sum[i];
    }
    memset(dmean, 0, s->c * sizeof(float));
    for (i = 0; i < s->c; i++)
        gradient[s->vb2 + i] += dv[i] = (float)total[i] * (t->gate[i] * (1.0f - t->gate[i]));
    for (j = 0; j < GMLP__LET_NARROW; j++) {
        float dn = 0.0f;
        if (!(narrow[j] > 0.0f)) continue;
        for (i = 0; i < s->c; i++) {
            float *g = &gradient[s->v2 + j * s->c + i];
            /* checked: the loop above sets all of dv */
            *g = gmlp__fmaf(narrow[j], dv[i], *g);
            dn = gmlp__fmaf(w[s->v2 + j * s->c + i], dv[i], dn);
        }
        gradient[s->vb1 + j] += dn;
        for (i = 0; i < s->c; i++) {
            float *g = &gradient[s->v1 + i * GMLP__LET_NARROW + j];
            *g = gmlp__fmaf(mean[i], dn, *g);
            dmean[i] = gmlp__fmaf(w[s->v1 + i * GMLP__LET_NARROW + j], dn, dmean[i]);
        }
    }
}

/* The gradient by o, into the plane d, and the sums. */
static void gmlp__letnet_errors(const gmlp__letnet_tile *t, const float *wide, const float matrix[9], float *d,
                                gmlp_letnet_loss *loss) {
    double error = 0.0, clipped = 0.0, scale;
    size_t x, y, i, j;
    for (y = 0; y < t->h; y++)
        for (x = 0; x < t->w; x++) {
            const size_t at = y * t->w + x, place = ((y + 1) * t->row + x + 1) * GMLP__LET_OUT;
            float now[3], before[3], linear[3], sign[3];
            if (!t->mask[at]) continue;
            for (i = 0; i < 3; i++) {
                const int low = t->low[at] >> i & 1, high = t->high[at] >> i & 1;
                before[i] = t->light[at * 3 + i] - wide[at * 3 + i];
                sign[i] = low ? -1.0f : high ? 1.0f : 0.0f;
                now[i] = gmlp__fmaf(sign[i], t->out[place + i], before[i]);
            }
            for (i = 0; i < 3; i++) {
                const float *m = matrix + 3 * i;
                const float was = gmlp__fmaf(m[2], before[2], gmlp__fmaf(m[1], before[1], m[0] * before[0]));
                linear[i] = gmlp__fmaf(m[2], now[2], gmlp__fmaf(m[1], now[1], m[0] * now[0]));
                error += gmlp__dmul((double)linear[i], (double)linear[i]);
                clipped += gmlp__dmul((double)was, (double)was);
            }
            for (i = 0; i < 3; i++) {
                float sum = 0.0f;
                for (j = 0; j < 3; j++) sum = gmlp__fmaf(matrix[3 * j + i], linear[j], sum);
                d[place + i] = sign[i] * sum;
            }
        }
    loss->error = error;
    loss->clipped = clipped;
    loss->pixels = t->saturated;
    scale = 2.0 / (error + clipped + gmlp__dmul(1e-5, (double)t->saturated));
    for (i = 0; i < t->pixels * GMLP__LET_OUT; i++) d[i] *= (float)scale;
}

/* All of the gradient, packed. d: planes of C, C, H and GMLP__LET_OUT, zeroed; turned: room for the largest matrix. */
static void gmlp__letnet_gradient(gmlp__letnet_tile *t, const gmlp__kernels *k, const float *wide,
                                  const float matrix[9], const float *z, float *const d[4], float *turned,
                                  gmlp_letnet_loss *loss, float *gradient) {
    const gmlp__letnet_shape *s = t->shape;
    const float *w = t->weights;
    float *u = t->solver.g[0], *f = t->solver.g[1], dmean[GMLP_LETNET_MAX_WIDTH];
    size_t x, y, i;
    gmlp__letnet_inner(t, z, u);
    t->kernels->gate(t->gate, u, t->x, f, t->pixels, s->c);
    gmlp__letnet_conv(t, f, s->c, w + s->o, w + s->ob, t->out, GMLP__LET_OUT);
    gmlp__letnet_errors(t, wide, matrix, d[3], loss);
    /* o and F: d[0] becomes the gradient by F, which is one by x as well */
    gmlp__letnet_back(t, k, f, s->c, d[3], GMLP__LET_OUT, gradient + s->o, gradient + s->ob);
    gmlp__letnet_turn(w + s->o, s->c, GMLP__LET_OUT, GMLP__LET_OUT, turned);
    gmlp__letnet_conv(t, d[3], GMLP__LET_OUT, turned, NULL, d[0], s->c);
    gmlp__letnet_attention_back(t, u, d[0], dmean, gradient);
    for (i = 0; i < s->c && t->saturated; i++) dmean[i] /= (float)t->saturated;
    for (y = 0; y < t->h; y++)
        for (x = 0; x < t->w; x++) {
            const size_t at = ((y + 1) * t->row + x + 1) * s->c;
            const float share = (float)t->mask[y * t->w + x];
            for (i = 0; i < s->c; i++) d[1][at + i] = gmlp__fmaf(d[0][at + i], t->gate[i], share * dmean[i]);
        }
    gmlp__letnet_back(t, k, t->b, s->h, d[1], s->c, gradient + s->h2, gradient + s->hb2);
    gmlp__letnet_turn(w + s->h2, s->h, s->c, s->c, turned);
    gmlp__letnet_conv(t, d[1], s->c, turned, NULL, d[2], s->h);
    t->kernels->squash_back(t->b, d[2], t->pixels * s->h);
    gmlp__letnet_back(t, k, t->a, s->c, d[2], s->h, gradient + s->h1, gradient + s->hb1);
    gmlp__letnet_turn(w + s->h1, s->c, s->h, s->h, turned);
    gmlp__letnet_conv(t, d[2], s->h, turned, NULL, d[1], s->c);
    t->kernels->squash_back(t->a, d[1], t->pixels * s->c);
    k->add(d[0], d[1], t->pixels * s->c);
    /* x */
    gmlp__letnet_conv(t, t->features, GMLP__LET_INPUTS, w + s->i1, w + s->ib1, t->a, s->c);
    t->kernels->squash(t->a, NULL, t->a, t->pixels * s->c);
    gmlp__letnet_back(t, k, t->a, s->c, d[0], s->c, gradient + s->i2, gradient + s->ib2);
    gmlp__letnet_turn(w + s->i2, s->c, s->c, s->c, turned);
    gmlp__letnet_conv(t, d[0], s->c, turned, NULL, d[1], s->c);
    t->kernels->squash_back(t->a, d[1], t->pixels * s->c);
    gmlp__letnet_back(t, k, t->features, GMLP__LET_INPUTS, d[1], s->c, gradient + s->i1, gradient + s->ib1);
}

GMLP_DEF gmlp_result gmlp_letnet_gradient(const gmlp_letnet *net, const gmlp_image *base, const gmlp_image *wide,
                                          const gmlp_expand_opts *opts, gmlp_letnet_loss *loss, float *gradient) {
    const gmlp__kernels *k;
    gmlp__letnet_shape s;
    gmlp__letnet_tile t;
    gmlp__letnet_axis columns, rows;
    gmlp_expand_opts o;
    gmlp_convert_opts c;
    gmlp_converter *to_codes = NULL, *to_light = NULL, *to_linear = NULL;
    gmlp_letnet_loss sums;
    gmlp_result result;
    gmlp__fp_state fp;
    size_t size, floats, i, j;
    float *memory = NULL;
    if (loss) memset(loss, 0, sizeof *loss);
    if (!net || !net->weights || !base || !wide || !loss || !gradient) return GMLP_E_ARGUMENT;
    result = gmlp__resolve_expand(opts, &o);
    if (!result) result = gmlp__check_pair(base, wide);
    if (result) return result;
    k = gmlp__select(o.isa);
    if (!k || base->type != GMLP_U8 || base->space != GMLP_SRGB ||
        !gmlp__letnet_shape_of(net->channels, net->hidden, &s))
        return GMLP_E_ARGUMENT;
    if (base->width > GMLP__LET_SIDE || base->height > GMLP__LET_SIDE) return GMLP_E_LIMIT;
    memset(&c, 0, sizeof c);
    memset(&t, 0, sizeof t);
    memset(&sums, 0, sizeof sums);
    c.adaptation = o.adaptation;
    c.isa = o.isa;
    c.alloc = o.alloc;
    t.kernels = gmlp__letnet_select(k);
    t.shape = &s;
    floats = gmlp__letnet_lay(&t, base->width, base->height, NULL);
    size = 2 * s.packed + floats + 9 * GMLP_LETNET_MAX_WIDTH * GMLP_LETNET_MAX_WIDTH + 2 * gmlp__letnet_plane(&t, s.c) +
           gmlp__letnet_plane(&t, s.h) + gmlp__letnet_plane(&t, GMLP__LET_OUT) + 3 * t.w * t.h;
    size *= sizeof(float);
    result = gmlp__letnet_converters(base, &c, &to_codes, &to_light);
    if (!result) result = gmlp_converter_create(wide->type, wide->space, GMLP_F32, GMLP_SRGB_LINEAR, &c, &to_linear);
    if (!result && !(memory = (float *)gmlp__alloc(&o.alloc, size))) result = GMLP_E_MEMORY;
    if (!result) {
        float *weights = memory, *sum = weights + s.packed, *turned = sum + s.packed, *d[4], *light, *at;
        const float *best;
        float matrix[9];
        gmlp_image linear;
        fp = gmlp__fp_enter();
        memset(memory, 0, size);
        at = turned + 9 * GMLP_LETNET_MAX_WIDTH * GMLP_LETNET_MAX_WIDTH;
        d[0] = at, at += gmlp__letnet_plane(&t, s.c);
        d[1] = at, at += gmlp__letnet_plane(&t, s.c);
        d[2] = at, at += gmlp__letnet_plane(&t, s.h);
        d[3] = at, at += gmlp__letnet_plane(&t, GMLP__LET_OUT);
        light = at, at += 3 * t.w * t.h;
        t.weights = weights;
        gmlp__letnet_pack(&s, net->weights, weights);
        gmlp__letnet_matrix(o.adaptation, matrix);
        gmlp__letnet_lay(&t, base->width, base->height, at);
        columns.first = rows.first = 0;
        columns.count = base->width;
        rows.count = base->height;
        gmlp__letnet_load(&t, base, &columns, &rows, to_codes, to_light, o.clip_margin);
        memset(&linear, 0, sizeof linear);
        linear.data = light;
        linear.width = wide->width;
        linear.height = wide->height;
        linear.type = GMLP_F32;
        gmlp__convert_rows(to_linear, wide, &linear, 0, wide->height);
        if (t.saturated) {
            if (--o.iterations) { /* the last is the gradient's */
                gmlp__letnet_solve(&t, &o, NULL, &best, &sums.residual);
                memcpy(t.solver.z, best, t.solver.n * sizeof(float));
            } else gmlp__letnet_input(&t);
            { /* loss sets all but the residual */
                const float residual = sums.residual;
                gmlp__letnet_gradient(&t, k, light, matrix, t.solver.z, d, turned, &sums, sum);
                sums.residual = residual;
            }
        }
        memcpy(gradient, sum, s.o * sizeof(float));
        for (i = 0; i <= 9 * s.c; i++)
            for (j = 0; j < 3; j++) gradient[s.o + i * 3 + j] = sum[s.o + i * GMLP__LET_OUT + j] * GMLP__LET_SCALE;
        *loss = sums;
        gmlp__fp_leave(fp);
        gmlp__free(&o.alloc, memory, size);
    }
    gmlp_converter_free(to_codes);
    gmlp_converter_free(to_light);
    gmlp_converter_free(to_linear);
    return result;
}
#endif /* GMLP_DECODE_ONLY */
#endif /* GMLP_NO_LETNET */

#ifdef __cplusplus
}
#endif

/* No internal macro stays defined. The library's own tests keep them. */
#ifndef GMLP__KEEP_MACROS
#undef GMLP__ALIGN
#undef GMLP__APP_HEAD
#undef GMLP__ARM64
#undef GMLP__BAND
#undef GMLP__BANDS
#undef GMLP__BATCH
#undef GMLP__BLOCK
#undef GMLP__CHUNK
#undef GMLP__CODE8_ERROR
#undef GMLP__COM_HEAD
#undef GMLP__COM_PIECE
#undef GMLP__FPCR
#undef GMLP__FP_OWN
#undef GMLP__GAMUT_TOLERANCE
#undef GMLP__HAS_AVX2
#undef GMLP__HAS_AVX512
#undef GMLP__HAS_NEON
#undef GMLP__HAS_SSE41
#undef GMLP__HAS_WASM
#undef GMLP__HLG_A
#undef GMLP__HLG_B
#undef GMLP__HLG_C
#undef GMLP__HLG_NITS
#undef GMLP__ICC_SIZE
#undef GMLP__ID
#undef GMLP__ID_SIZE
#undef GMLP__INLINE
#undef GMLP__INSIDE_WEIGHT
#undef GMLP__ITXT_KEYWORD
#undef GMLP__ITXT_XMP
#undef GMLP__JPEG_MAX
#undef GMLP__KTX2_HEAD
#undef GMLP__KTX2_ID
#undef GMLP__KTX2_KEY
#undef GMLP__KTX2_KEY_SIZE
#undef GMLP__KNEE_HIGH
#undef GMLP__KNEE_LOW
#undef GMLP__LADDER
#undef GMLP__LARGEST
#undef GMLP__LN2
#undef GMLP__MAP_E
#undef GMLP__MARGINS
#undef GMLP__MAX_SAMPLES
#undef GMLP__LET_MEMORY
#undef GMLP__LET_SCALE
#undef GMLP__MAX_SHARDS
#undef GMLP__MOST_BUDGET
#undef GMLP__MOST_LIGHT
#undef GMLP__NOINLINE
#undef GMLP__NUMBERS
#undef GMLP__PAD
#undef GMLP__PARTS
#undef GMLP__PASS_AVX2
#undef GMLP__PASS_AVX512
#undef GMLP__PASS_NEON
#undef GMLP__PASS_SCALAR
#undef GMLP__PASS_SSE41
#undef GMLP__PASS_WASM
#undef GMLP__POLAR_STEPS
#undef GMLP__PORTION
#undef GMLP__PQ_C1
#undef GMLP__PQ_C2
#undef GMLP__PQ_C3
#undef GMLP__PQ_M1
#undef GMLP__PQ_M2
#undef GMLP__PQ_NITS
#undef GMLP__PREFETCH
#undef GMLP__RESTRICT
#undef GMLP__SEGMENT
#undef GMLP__SLACK
#undef GMLP__SSE2
#undef GMLP__STRIP
#undef GMLP__SYCC_MARGIN
#undef GMLP__TARGET_BUDGET
#undef GMLP__TRUNCATE
#undef GMLP__UNUSED
#undef GMLP__WHITE_NITS
#undef GMLP__X64
#undef GMLP__XMP_END
#undef GMLP__XMP_ID
#undef GMLP__XMP_ID_SIZE
#undef GMLP__XMP_OPEN
#undef GMLP__XMP_PROPERTY
#endif
#endif /* GAMUTMLP_IMPLEMENTATION */

/* ---------------------------------------------------------------------------------------
   >>kernels: the vector code. The implementation includes this file once for each instruction
   set with GMLP__PASS set; only this part is then compiled.

   A pass maps a small vocabulary to its intrinsics. Rules that keep all passes equal, bit for
   bit: sums have one order, whatever the vector width; a product that is added to something
   is always a GMLP__V_FMA (a separate multiply and add may or may not be fused by a compiler);
   MAX and MIN give their second operand when the first is NaN.

      GMLP__VF, GMLP__VI       vector of float, of int32;  GMLP__W  lanes
      V_LOAD V_STORE V_SET1    unaligned
      V_ADD V_SUB V_MUL V_DIV V_SQRT V_MAX V_MIN
      V_FMA(a,b,c)             a * b + c, one rounding
      V_ROUND(a)               to nearest even, |a| < 2^22
      V_LESS(a,b,x,y)          a < b ? x : y, lane by lane
      V_GATHER(p,i)            p[i], lane by lane
      V_TO_INT V_FROM_INT      convert (nearest even, |a| < 2^31)
      V_AS_INT V_AS_FLOAT      the same bits
      V_MANTISSA(a)            1..2 with the mantissa's bits of a
      I_LOAD I_SET1 I_ADD I_SUB I_AND I_XOR I_SHL(a,n) I_SAR(a,n)   n constant; SAR arithmetic
      I_SHIFT(a,n)             as SHL, n any int up to 31
      I_STORE;  I_PUT(p,a)     the same to bytes
      P_ADD P_MULHI(a,b) P_RELU(a)  of the two halves of each int32: 16-bit sums; the upper 16 bits of products without
                               sign; max(0, a)
      P_DOT(s,a,b)             s + a's low half * b's + a's high half * b's; no half is -32768
      turn(h,row,t)            t[0..3] = words 0..3 of W rows
      TILE(X)                  X(2i, 2i + 1, i) for the pairs of neurons that finish has in registers
      V_LOOK16(p,i)            p[i & 15], lane by lane
      V_ANY_LESS(a,b)          nonzero if a < b in some lane
      take16(p,c)              channel c of W packed three-channel pixels of 16 bits, as int32
      TAKE8(p,step,c)          likewise of 8 bits, step bytes a pixel; not in all passes
      put8 put16 (p,r,g,b)     the other way; values fit
      zip(p,a,b)               2 W words: a's and b's in turn
      narrow(p,i)              W 16-bit numbers; values fit. For recode: not in passes without it
      add16(s,p,q)             s[0..15] += p[0..15] - q[0..15]: 16-bit sums of bytes
      near16(p,margin)         bit i: byte i is within margin of 0 or 255
      GMLP__V4                 four floats (three of them in C alone): a pixel; V4_LOAD V4_STORE
      spread(v,r,g,b)          the first three floats of V4 v[0..3], each to its plane; not in C alone
      V4_FMA(s,a,b)            s a float: s * a + b;  V4_ADD  not in C alone, either
   Passes without a fused multiply-add, whose V_FMA is FN(fma) below, have besides
      GMLP__D                  vector of W / 2 doubles; D_ADD D_SUB D_MUL
      D_LOWER(a) D_UPPER(a)    from half of the lanes;  D_FLOATS(a,b)  back
      D_WORDS(a,b,n)           the lower (n = 0) or upper (1) 32 bits of each
      I_OR I_EQUAL I_LEAST     equal: all bits set; the smaller one without sign;  I_ANY(a)  nonzero if a bit is set
*/
#ifdef GMLP__PASS

#if GMLP__PASS == GMLP__PASS_SCALAR
#define GMLP__FN(name) gmlp__##name##_scalar
#define GMLP__TARGET
#define GMLP__W 1
#define GMLP__VF float
#define GMLP__VI int32_t
#define GMLP__V_LOAD(p) (*(p))
#define GMLP__V_STORE(p, a) (*(p) = (a))
#define GMLP__V_SET1(s) (s)
#define GMLP__V_ADD(a, b) ((a) + (b))
#define GMLP__V_SUB(a, b) ((a) - (b))
#define GMLP__V_MUL(a, b) ((a) * (b))
#define GMLP__V_DIV(a, b) ((a) / (b))
#define GMLP__V_SQRT(a) gmlp__sqrtf(a)
#define GMLP__V_MAX(a, b) ((a) > (b) ? (a) : (b))
#define GMLP__V_MIN(a, b) ((a) < (b) ? (a) : (b))
#define GMLP__V_FMA(a, b, c) gmlp__fmaf(a, b, c)
#define GMLP__V_ROUND(a) gmlp__roundf(a)
#define GMLP__V_LESS(a, b, x, y) ((a) < (b) ? (x) : (y))
#define GMLP__V_GATHER(p, i) ((p)[i])
#define GMLP__V_TO_INT(a) ((int32_t)gmlp__roundf(a))
#define GMLP__V_FROM_INT(a) ((float)(a))
#define GMLP__V_AS_INT(a) gmlp__bits_of_float(a)
#define GMLP__V_AS_FLOAT(a) gmlp__float_of_bits(a)
#define GMLP__V_MANTISSA(a) gmlp__float_of_bits((gmlp__bits_of_float(a) & 0x7fffff) | 0x3f800000)
#define GMLP__I_LOAD(p) (*(p))
#define GMLP__I_SET1(s) ((int32_t)(s))
#define GMLP__I_ADD(a, b) ((int32_t)((uint32_t)(a) + (uint32_t)(b)))
#define GMLP__I_SUB(a, b) ((int32_t)((uint32_t)(a) - (uint32_t)(b)))
#define GMLP__I_AND(a, b) ((a) & (b))
#define GMLP__I_XOR(a, b) ((a) ^ (b))
#define GMLP__I_SHL(a, n) ((int32_t)((uint32_t)(a) << (n)))
#define GMLP__I_SAR(a, n) ((a) >> (n))
#define GMLP__I_SHIFT(a, n) GMLP__I_SHL(a, n)
#define GMLP__I_STORE(p, a) (*(p) = (a))
#define GMLP__I_PUT(p, a) gmlp__put_word(p, a)
#define GMLP__P_ADD(a, b) gmlp__pair_add(a, b)
#define GMLP__P_MULHI(a, b) gmlp__pair_mulhi(a, b)
#define GMLP__P_RELU(a) ((a) & ~(int32_t)(((uint32_t)(a) >> 15 & 0x10001u) * 0xffffu))
#define GMLP__P_DOT(s, a, b) gmlp__pair_dot(s, a, b)
#define GMLP__TILE(X) X(0, 1, 0) X(2, 3, 1)
#define GMLP__TILE_COUNT 4
#define GMLP__V_LOOK16(p, i) ((p)[(i) & 15])
#define GMLP__V_ANY_LESS(a, b) ((a) < (b))
#define GMLP__V4 gmlp__v4
#define GMLP__V4_LOAD(p) gmlp__v4_load(p)
#define GMLP__V4_STORE(p, a) gmlp__v4_store(p, a)
#define GMLP__V4_FMA(s, a, b) gmlp__v4_fma(s, a, b)
#define GMLP__ROWS(X) X(0) X(1) X(2) X(3)
#define GMLP__ROWS_COUNT 4

static int32_t gmlp__pair_add(int32_t a, int32_t b) {
    const uint32_t x = (uint32_t)a, y = (uint32_t)b, rest = 0x7fff7fffu;
    return (int32_t)(((x & rest) + (y & rest)) ^ ((x ^ y) & ~rest));
}
static int32_t gmlp__pair_mulhi(int32_t a, int32_t b) {
    const uint32_t x = (uint32_t)a, y = (uint32_t)b;
    return (int32_t)(((x & 65535u) * (y & 65535u)) >> 16 | (((x >> 16) * (y >> 16)) & 0xffff0000u));
}
static int32_t gmlp__pair_dot(int32_t s, int32_t a, int32_t b) {
    const int32_t low = (int32_t)(int16_t)(uint16_t)(uint32_t)a * (int16_t)(uint16_t)(uint32_t)b;
    return (int32_t)((uint32_t)s + (uint32_t)low + (uint32_t)((a >> 16) * (b >> 16)));
}
static void gmlp__turn_scalar(const int32_t *h, size_t row, int32_t t[4]) {
    (void)row;
    memcpy(t, h, 16);
}
static int32_t gmlp__take16_scalar(const unsigned char *p, int c) { uint16_t v; memcpy(&v, p + 2 * c, 2); return v; }
static void gmlp__put8_scalar(unsigned char *p, int32_t r, int32_t g, int32_t b) {
    p[0] = (unsigned char)r;
    p[1] = (unsigned char)g;
    p[2] = (unsigned char)b;
}
static void gmlp__put16_scalar(unsigned char *p, int32_t r, int32_t g, int32_t b) {
    uint16_t v[3];
    v[0] = (uint16_t)r;
    v[1] = (uint16_t)g;
    v[2] = (uint16_t)b;
    memcpy(p, v, 6);
}
static void gmlp__put_word(unsigned char *p, int32_t a) { memcpy(p, &a, 4); }
static void gmlp__zip_scalar(unsigned char *p, int32_t a, int32_t b) {
    memcpy(p, &a, 4);
    memcpy(p + 4, &b, 4);
}
static void gmlp__add16_scalar(uint16_t *s, const unsigned char *p, const unsigned char *q) {
    int i;
    for (i = 0; i < 16; i++) s[i] = (uint16_t)(s[i] + p[i] - q[i]);
}
static uint32_t gmlp__near16_scalar(const unsigned char *p, int margin) {
    uint32_t bits = 0;
    int i;
    for (i = 0; i < 16; i++) bits |= (uint32_t)((p[i] <= margin) | (p[i] >= 255 - margin)) << i;
    return bits;
}
typedef struct gmlp__v4 {
    float x, y, z;
} gmlp__v4;
static gmlp__v4 gmlp__v4_load(const float *p) {
    gmlp__v4 v;
    v.x = p[0];
    v.y = p[1];
    v.z = p[2];
    return v;
}
static void gmlp__v4_store(float *p, gmlp__v4 v) {
    p[0] = v.x;
    p[1] = v.y;
    p[2] = v.z;
}
static gmlp__v4 gmlp__v4_fma(float s, gmlp__v4 a, gmlp__v4 b) {
    b.x = gmlp__fmaf(s, a.x, b.x);
    b.y = gmlp__fmaf(s, a.y, b.y);
    b.z = gmlp__fmaf(s, a.z, b.z);
    return b;
}

/* The scalar pass needs four operations that C has no operator for. */
GMLP__INLINE float gmlp__sqrtf(float a) {
    /* Correctly rounded without libm: double has more than twice float's digits, so two Newton
       steps on a double estimate and one rounding suffice. */
    double x, y;
    uint64_t u;
    int i;
    if (!(a > 0.0f) || a > 3.4028235e38f) return a < 0.0f ? (a - a) / (a - a) : a;
    x = (double)a;
    memcpy(&u, &x, 8);
    u = (u >> 1) + 0x1ff7a3bea91d9b1bu;
    memcpy(&y, &u, 8);
    for (i = 0; i < 5; i++) y = 0.5 * (y + x / y);
    return (float)y;
}
static int32_t gmlp__bits_of_float(float a) { int32_t i; memcpy(&i, &a, 4); return i; }
static float gmlp__float_of_bits(int32_t i) { float a; memcpy(&a, &i, 4); return a; }
static float gmlp__roundf(float a) { /* keeps the sign of zero, as the vector instructions do */
    const float big = a < 0.0f ? -8388608.0f : 8388608.0f;
    volatile float r = a + big;
    return gmlp__float_of_bits(gmlp__bits_of_float(r - big) | (gmlp__bits_of_float(a) & INT32_MIN));
}

#elif GMLP__PASS == GMLP__PASS_AVX2
#define GMLP__FN(name) gmlp__##name##_avx2
#if defined(_MSC_VER) && !defined(__clang__)
#define GMLP__TARGET
#else
#define GMLP__TARGET __attribute__((target("avx2,fma")))
#endif
#define GMLP__W 8
#define GMLP__VF __m256
#define GMLP__VI __m256i
#define GMLP__V_LOAD(p) _mm256_loadu_ps(p)
#define GMLP__V_STORE(p, a) _mm256_storeu_ps(p, a)
#define GMLP__V_SET1(s) _mm256_set1_ps(s)
#define GMLP__V_ADD(a, b) _mm256_add_ps(a, b)
#define GMLP__V_SUB(a, b) _mm256_sub_ps(a, b)
#define GMLP__V_MUL(a, b) _mm256_mul_ps(a, b)
#define GMLP__V_DIV(a, b) _mm256_div_ps(a, b)
#define GMLP__V_SQRT(a) _mm256_sqrt_ps(a)
#define GMLP__V_MAX(a, b) _mm256_max_ps(a, b)
#define GMLP__V_MIN(a, b) _mm256_min_ps(a, b)
#define GMLP__V_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define GMLP__V_ROUND(a) _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define GMLP__V_LESS(a, b, x, y) _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ))
#define GMLP__V_GATHER(p, i) _mm256_i32gather_ps(p, i, 4)
#define GMLP__V_TO_INT(a) _mm256_cvtps_epi32(a)
#define GMLP__V_FROM_INT(a) _mm256_cvtepi32_ps(a)
#define GMLP__V_AS_INT(a) _mm256_castps_si256(a)
#define GMLP__V_AS_FLOAT(a) _mm256_castsi256_ps(a)
#define GMLP__V_MANTISSA(a) _mm256_or_ps(_mm256_and_ps(a, GMLP__V_AS_FLOAT(GMLP__I_SET1(0x7fffff))), GMLP__V_SET1(1.0f))
#define GMLP__I_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define GMLP__I_SET1(s) _mm256_set1_epi32((int)(s))
#define GMLP__I_ADD(a, b) _mm256_add_epi32(a, b)
#define GMLP__I_SUB(a, b) _mm256_sub_epi32(a, b)
#define GMLP__I_AND(a, b) _mm256_and_si256(a, b)
#define GMLP__I_XOR(a, b) _mm256_xor_si256(a, b)
#define GMLP__I_SHL(a, n) _mm256_slli_epi32(a, n)
#define GMLP__I_SAR(a, n) _mm256_srai_epi32(a, n)
#define GMLP__I_SHIFT(a, n) _mm256_sll_epi32(a, _mm_cvtsi32_si128(n))
#define GMLP__I_STORE(p, a) _mm256_storeu_si256((__m256i *)(void *)(p), a)
#define GMLP__I_PUT(p, a) GMLP__I_STORE(p, a)
#define GMLP__P_ADD(a, b) _mm256_add_epi16(a, b)
#define GMLP__P_MULHI(a, b) _mm256_mulhi_epu16(a, b)
#define GMLP__P_RELU(a) _mm256_max_epi16(a, _mm256_setzero_si256())
#define GMLP__P_DOT(s, a, b) _mm256_add_epi32(s, _mm256_madd_epi16(a, b))
#define GMLP__TILE(X) X(0, 1, 0) X(2, 3, 1)
#define GMLP__TILE_COUNT 4
#define GMLP__V_ANY_LESS(a, b) _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ))
#define GMLP__V_LOOK16(p, i)                                                                  \
    _mm256_blendv_ps(_mm256_permutevar8x32_ps(_mm256_loadu_ps(p), i),                         \
                     _mm256_permutevar8x32_ps(_mm256_loadu_ps((p) + 8), i),                   \
                     _mm256_castsi256_ps(_mm256_slli_epi32(i, 28)))
#define GMLP__V4 __m128
#define GMLP__V4_LOAD(p) _mm_loadu_ps(p)
#define GMLP__V4_STORE(p, a) _mm_storeu_ps(p, a)
#define GMLP__V4_ADD(a, b) _mm_add_ps(a, b)
#define GMLP__V4_FMA(s, a, b) _mm_fmadd_ps(_mm_set1_ps(s), a, b)
#define GMLP__ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define GMLP__ROWS_COUNT 6

/* Vector i holds rows i and i + 4; then words change places within each half of it. */
GMLP__TARGET GMLP__INLINE void gmlp__turn_avx2(const int32_t *h, size_t row, __m256i t[4]) {
    __m256i v[4], a, b, c, d;
    int i;
    for (i = 0; i < 4; i++, h += row)
        v[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)h)),
                                       _mm_loadu_si128((const __m128i *)(const void *)(h + 4 * row)), 1);
    a = _mm256_unpacklo_epi32(v[0], v[1]), b = _mm256_unpacklo_epi32(v[2], v[3]);
    c = _mm256_unpackhi_epi32(v[0], v[1]), d = _mm256_unpackhi_epi32(v[2], v[3]);
    t[0] = _mm256_unpacklo_epi64(a, b), t[1] = _mm256_unpackhi_epi64(a, b);
    t[2] = _mm256_unpacklo_epi64(c, d), t[3] = _mm256_unpackhi_epi64(c, d);
}
/* Four pixels from p on, four that end with the 8 of them. */
GMLP__TARGET GMLP__INLINE __m256i gmlp__take8_avx2(const unsigned char *p, size_t step, int c) {
    const __m256i v = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p)),
        _mm_loadu_si128((const __m128i *)(const void *)(p + 8 * step - 16)), 1);
    const __m256i i = step == 3 ? _mm256_setr_epi32(0, 3, 6, 9, 4, 7, 10, 13)
                                : _mm256_setr_epi32(0, 4, 8, 12, 0, 4, 8, 12);
    return _mm256_shuffle_epi8(v, _mm256_add_epi32(i, _mm256_set1_epi32(c - 256))); /* upper bytes 255: 0 */
}
#define GMLP__TAKE8(p, step, c) gmlp__take8_avx2(p, step, c)
/* 16-bit sample k of packed pixels lies in 32-bit word k / 2. */
GMLP__TARGET GMLP__INLINE __m256i gmlp__take16_avx2(const unsigned char *p, int c) {
    const __m256i k = _mm256_add_epi32(_mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21), _mm256_set1_epi32(c));
    const __m256i word = _mm256_srli_epi32(k, 1);
    const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
    const __m256i w = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(p + 32)));
    /* by floats: gcc 12 reads a byte's sign off a plain char, which -funsigned-char takes away */
    const __m256 both = _mm256_blendv_ps(_mm256_castsi256_ps(_mm256_permutevar8x32_epi32(v, word)),
                                         _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(w, word)),
                                         _mm256_castsi256_ps(_mm256_cmpgt_epi32(word, _mm256_set1_epi32(7))));
    return _mm256_and_si256(
        _mm256_srlv_epi32(_mm256_castps_si256(both), _mm256_slli_epi32(_mm256_and_si256(k, _mm256_set1_epi32(1)), 4)),
        _mm256_set1_epi32(65535));
}
GMLP__TARGET GMLP__INLINE void gmlp__put8_avx2(unsigned char *p, __m256i r, __m256i g, __m256i b) {
    const __m256i v = _mm256_or_si256(_mm256_or_si256(r, _mm256_slli_epi32(g, 8)), _mm256_slli_epi32(b, 16));
    const __m256i lo = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 6, 6));
    const __m256i hi = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(1, 2, 3, 5, 6, 7, 7, 7));
    const __m256i w = _mm256_or_si256(_mm256_srlv_epi32(lo, _mm256_setr_epi32(0, 8, 16, 0, 8, 16, 0, 0)),
                                      _mm256_sllv_epi32(hi, _mm256_setr_epi32(24, 16, 8, 24, 16, 8, 0, 0)));
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(w));
    _mm_storel_epi64((__m128i *)(void *)(p + 16), _mm256_extracti128_si256(w, 1));
}
/* Words are in turn r,g of an even pixel, its b with the next r, that pixel's g,b. */
GMLP__TARGET GMLP__INLINE void gmlp__put16_avx2(unsigned char *p, __m256i r, __m256i g, __m256i b) {
    const __m256i rg = _mm256_or_si256(r, _mm256_slli_epi32(g, 16)), gb = _mm256_or_si256(g, _mm256_slli_epi32(b, 16));
    const __m256i br = _mm256_or_si256(b, _mm256_srli_epi64(r, 16)), outer = _mm256_blend_epi32(rg, gb, 0xaa);
    const __m256i v = _mm256_blend_epi32(_mm256_permutevar8x32_epi32(outer, _mm256_setr_epi32(0, 0, 1, 2, 0, 3, 4, 0)),
                                         _mm256_permutevar8x32_epi32(br, _mm256_setr_epi32(0, 0, 0, 0, 2, 0, 0, 4)),
                                         0x92);
    const __m256i w = _mm256_blend_epi32(_mm256_permutevar8x32_epi32(outer, _mm256_setr_epi32(5, 6, 0, 7, 0, 0, 0, 0)),
                                         _mm256_permutevar8x32_epi32(br, _mm256_setr_epi32(0, 0, 6, 0, 0, 0, 0, 0)),
                                         0x04);
    _mm256_storeu_si256((__m256i *)(void *)p, v);
    _mm_storeu_si128((__m128i *)(void *)(p + 32), _mm256_castsi256_si128(w));
}
GMLP__TARGET GMLP__INLINE void gmlp__zip_avx2(unsigned char *p, __m256i a, __m256i b) {
    const __m256i v = _mm256_unpacklo_epi32(a, b), w = _mm256_unpackhi_epi32(a, b);
    _mm256_storeu_si256((__m256i *)(void *)p, _mm256_permute2x128_si256(v, w, 0x20));
    _mm256_storeu_si256((__m256i *)(void *)(p + 32), _mm256_permute2x128_si256(v, w, 0x31));
}
GMLP__TARGET GMLP__INLINE void gmlp__spread_avx2(const __m128 v[4], float *r, float *g, float *b) {
    gmlp__spread_sse41(v, r, g, b);
}
GMLP__TARGET GMLP__INLINE void gmlp__narrow_avx2(unsigned char *p, __m256i i) {
    _mm_storeu_si128((__m128i *)(void *)p, _mm_packus_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1)));
}
GMLP__TARGET GMLP__INLINE void gmlp__add16_avx2(uint16_t *s, const unsigned char *p, const unsigned char *q) {
    const __m256i in = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
    const __m256i out = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)q));
    const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)s);
    _mm256_storeu_si256((__m256i *)(void *)s, _mm256_sub_epi16(_mm256_add_epi16(v, in), out));
}
GMLP__TARGET GMLP__INLINE uint32_t gmlp__near16_avx2(const unsigned char *p, int margin) {
    const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i away = _mm_min_epu8(v, _mm_xor_si128(v, _mm_set1_epi8(-1)));
    return (uint32_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_max_epu8(away, _mm_set1_epi8((char)margin)), _mm_set1_epi8((char)margin)));
}

#elif GMLP__PASS == GMLP__PASS_AVX512
#define GMLP__FN(name) gmlp__##name##_avx512
#if defined(_MSC_VER) && !defined(__clang__)
#define GMLP__TARGET
#else
#define GMLP__TARGET __attribute__((target("avx512f,avx512bw,fma")))
#endif
#define GMLP__W 16
#define GMLP__VF __m512
#define GMLP__VI __m512i
#define GMLP__V_LOAD(p) _mm512_loadu_ps(p)
#define GMLP__V_STORE(p, a) _mm512_storeu_ps(p, a)
#define GMLP__V_SET1(s) _mm512_set1_ps(s)
#define GMLP__V_ADD(a, b) _mm512_add_ps(a, b)
#define GMLP__V_SUB(a, b) _mm512_sub_ps(a, b)
#define GMLP__V_MUL(a, b) _mm512_mul_ps(a, b)
#define GMLP__V_DIV(a, b) _mm512_div_ps(a, b)
#define GMLP__V_SQRT(a) _mm512_sqrt_ps(a)
#define GMLP__V_MAX(a, b) _mm512_max_ps(a, b)
#define GMLP__V_MIN(a, b) _mm512_min_ps(a, b)
#define GMLP__V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define GMLP__V_ROUND(a) _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define GMLP__V_LESS(a, b, x, y) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x)
#define GMLP__V_GATHER(p, i) _mm512_i32gather_ps(i, p, 4)
#define GMLP__V_TO_INT(a) _mm512_cvtps_epi32(a)
#define GMLP__V_FROM_INT(a) _mm512_cvtepi32_ps(a)
#define GMLP__V_AS_INT(a) _mm512_castps_si512(a)
#define GMLP__V_AS_FLOAT(a) _mm512_castsi512_ps(a)
/* 0xea: first and second, or third */
#define GMLP__V_MANTISSA(a) \
    GMLP__V_AS_FLOAT( \
        _mm512_ternarylogic_epi32(GMLP__V_AS_INT(a), GMLP__I_SET1(0x7fffff), GMLP__I_SET1(0x3f800000), 0xea))
#define GMLP__I_LOAD(p) _mm512_loadu_si512(p)
#define GMLP__I_SET1(s) _mm512_set1_epi32((int)(s))
#define GMLP__I_ADD(a, b) _mm512_add_epi32(a, b)
#define GMLP__I_SUB(a, b) _mm512_sub_epi32(a, b)
#define GMLP__I_AND(a, b) _mm512_and_si512(a, b)
#define GMLP__I_XOR(a, b) _mm512_xor_si512(a, b)
#define GMLP__I_SHL(a, n) _mm512_slli_epi32(a, n)
#define GMLP__I_SAR(a, n) _mm512_srai_epi32(a, n)
#define GMLP__I_SHIFT(a, n) _mm512_sll_epi32(a, _mm_cvtsi32_si128(n))
#define GMLP__I_STORE(p, a) _mm512_storeu_si512(p, a)
#define GMLP__I_PUT(p, a) GMLP__I_STORE(p, a)
#define GMLP__P_ADD(a, b) _mm512_add_epi16(a, b)
#define GMLP__P_MULHI(a, b) _mm512_mulhi_epu16(a, b)
#define GMLP__P_RELU(a) _mm512_max_epi16(a, _mm512_setzero_si512())
#define GMLP__P_DOT(s, a, b) _mm512_add_epi32(s, _mm512_madd_epi16(a, b))
#define GMLP__TILE(X) X(0, 1, 0) X(2, 3, 1) X(4, 5, 2) X(6, 7, 3)
#define GMLP__TILE_COUNT 8
#define GMLP__V_LOOK16(p, i) _mm512_permutexvar_ps(i, _mm512_loadu_ps(p))
#define GMLP__V_ANY_LESS(a, b) (_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) != 0)
#define GMLP__V4 __m128
#define GMLP__V4_LOAD(p) _mm_loadu_ps(p)
#define GMLP__V4_STORE(p, a) _mm_storeu_ps(p, a)
#define GMLP__V4_ADD(a, b) _mm_add_ps(a, b)
#define GMLP__V4_FMA(s, a, b) _mm_fmadd_ps(_mm_set1_ps(s), a, b)
#define GMLP__ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define GMLP__ROWS_COUNT 8

/* As gmlp__turn_avx2, with rows i, i + 4, i + 8 and i + 12. */
GMLP__TARGET GMLP__INLINE void gmlp__turn_avx512(const int32_t *h, size_t row, __m512i t[4]) {
    __m512i v[4], a, b, c, d;
    int i;
    for (i = 0; i < 4; i++, h += row) {
#define GMLP__X(k) _mm_loadu_si128((const __m128i *)(const void *)(h + k * row))
        v[i] = _mm512_inserti32x4(_mm512_castsi128_si512(GMLP__X(0)), GMLP__X(4), 1);
        v[i] = _mm512_inserti32x4(_mm512_inserti32x4(v[i], GMLP__X(8), 2), GMLP__X(12), 3);
#undef GMLP__X
    }
    a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpacklo_epi32(v[2], v[3]);
    c = _mm512_unpackhi_epi32(v[0], v[1]), d = _mm512_unpackhi_epi32(v[2], v[3]);
    t[0] = _mm512_unpacklo_epi64(a, b), t[1] = _mm512_unpackhi_epi64(a, b);
    t[2] = _mm512_unpacklo_epi64(c, d), t[3] = _mm512_unpackhi_epi64(c, d);
}
/* p[i] of a table of 256 held in registers: each step halves the candidates by a bit of i. */
#define GMLP__LOOK256
typedef struct gmlp__table256 {
    __m512 t[16];
} gmlp__table256;
GMLP__TARGET GMLP__INLINE __m512 gmlp__look256(const gmlp__table256 *p, __m512i i) {
    const __mmask16 b5 = _mm512_test_epi32_mask(i, _mm512_set1_epi32(32));
    const __mmask16 b6 = _mm512_test_epi32_mask(i, _mm512_set1_epi32(64));
    const __mmask16 b7 = _mm512_test_epi32_mask(i, _mm512_set1_epi32(128));
#define GMLP__X(k) _mm512_permutex2var_ps(p->t[k], i, p->t[k + 1])
    const __m512 v0 = _mm512_mask_blend_ps(b5, GMLP__X(0), GMLP__X(2)),
                 v1 = _mm512_mask_blend_ps(b5, GMLP__X(4), GMLP__X(6));
    const __m512 v2 = _mm512_mask_blend_ps(b5, GMLP__X(8), GMLP__X(10)),
                 v3 = _mm512_mask_blend_ps(b5, GMLP__X(12), GMLP__X(14));
#undef GMLP__X
    return _mm512_mask_blend_ps(b7, _mm512_mask_blend_ps(b6, v0, v1), _mm512_mask_blend_ps(b6, v2, v3));
}

/* Byte k of packed pixels lies in 32-bit word k / 4, 16-bit sample k in word k / 2. */
GMLP__TARGET GMLP__INLINE __m512i gmlp__take8_avx512(const unsigned char *p, size_t step, int c) {
    const __m512i i = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i twice = _mm512_slli_epi32(i, 1), k0 = _mm512_add_epi32(twice, step == 3 ? i : twice);
    const __m512i k = _mm512_add_epi32(k0, _mm512_set1_epi32(c));
    const __m512i v = _mm512_maskz_loadu_epi32(step == 3 ? 0x0fff : 0xffff, p);
    return _mm512_and_si512(_mm512_srlv_epi32(_mm512_permutexvar_epi32(_mm512_srli_epi32(k, 2), v),
                                              _mm512_slli_epi32(_mm512_and_si512(k, _mm512_set1_epi32(3)), 3)),
                            _mm512_set1_epi32(255));
}
#define GMLP__TAKE8(p, step, c) gmlp__take8_avx512(p, step, c)
GMLP__TARGET GMLP__INLINE __m512i gmlp__take16_avx512(const unsigned char *p, int c) {
    const __m512i k = _mm512_add_epi32(_mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45),
                                       _mm512_set1_epi32(c));
    const __m512i v = _mm512_loadu_si512(p), w = _mm512_maskz_loadu_epi32(0x00ff, p + 64);
    return _mm512_and_si512(_mm512_srlv_epi32(_mm512_permutex2var_epi32(v, _mm512_srli_epi32(k, 1), w),
                                              _mm512_slli_epi32(_mm512_and_si512(k, _mm512_set1_epi32(1)), 4)),
                            _mm512_set1_epi32(65535));
}
GMLP__TARGET GMLP__INLINE void gmlp__put8_avx512(unsigned char *p, __m512i r, __m512i g, __m512i b) {
    const __m512i v = _mm512_or_si512(_mm512_or_si512(r, _mm512_slli_epi32(g, 8)), _mm512_slli_epi32(b, 16));
    const __m512i i = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 14, 14, 14, 14);
    const __m512i shift = _mm512_setr_epi32(0, 8, 16, 0, 8, 16, 0, 8, 16, 0, 8, 16, 0, 0, 0, 0);
    const __m512i lo = _mm512_permutexvar_epi32(i, v);
    const __m512i hi = _mm512_permutexvar_epi32(_mm512_add_epi32(i, _mm512_set1_epi32(1)), v);
    _mm512_mask_storeu_epi32(p, 0x0fff,
                             _mm512_or_si512(_mm512_srlv_epi32(lo, shift),
                                             _mm512_sllv_epi32(hi, _mm512_sub_epi32(_mm512_set1_epi32(24), shift))));
}
GMLP__TARGET GMLP__INLINE void gmlp__put16_avx512(unsigned char *p, __m512i r, __m512i g, __m512i b) {
    const __m512i rg = _mm512_or_si512(r, _mm512_slli_epi32(g, 16));
    const __m512i outer = _mm512_mask_or_epi32(rg, 0xaaaa, g, _mm512_slli_epi32(b, 16));
    const __m512i br = _mm512_or_si512(b, _mm512_srli_epi64(r, 16));
    _mm512_storeu_si512(p, _mm512_permutex2var_epi32(outer,
        _mm512_setr_epi32(0, 16, 1, 2, 18, 3, 4, 20, 5, 6, 22, 7, 8, 24, 9, 10), br));
    _mm512_mask_storeu_epi32(p + 64, 0x00ff, _mm512_permutex2var_epi32(outer,
        _mm512_setr_epi32(26, 11, 12, 28, 13, 14, 30, 15, 0, 0, 0, 0, 0, 0, 0, 0), br));
}
GMLP__TARGET GMLP__INLINE void gmlp__zip_avx512(unsigned char *p, __m512i a, __m512i b) {
    const __m512i i = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    _mm512_storeu_si512(p, _mm512_permutex2var_epi32(a, i, b));
    _mm512_storeu_si512(p + 64, _mm512_permutex2var_epi32(a, _mm512_add_epi32(i, _mm512_set1_epi32(8)), b));
}
GMLP__TARGET GMLP__INLINE void gmlp__spread_avx512(const __m128 v[4], float *r, float *g, float *b) {
    gmlp__spread_sse41(v, r, g, b);
}
GMLP__TARGET GMLP__INLINE void gmlp__narrow_avx512(unsigned char *p, __m512i i) {
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtepi32_epi16(i));
}
GMLP__TARGET GMLP__INLINE uint32_t gmlp__near16_avx512(const unsigned char *p, int margin) {
    return gmlp__near16_avx2(p, margin);
}
GMLP__TARGET GMLP__INLINE void gmlp__add16_avx512(uint16_t *s, const unsigned char *p, const unsigned char *q) {
    gmlp__add16_avx2(s, p, q);
}

#elif GMLP__PASS == GMLP__PASS_NEON
#define GMLP__FN(name) gmlp__##name##_neon
#define GMLP__TARGET
#define GMLP__W 4
#define GMLP__VF float32x4_t
#define GMLP__VI int32x4_t
#define GMLP__V_LOAD(p) vld1q_f32(p)
#define GMLP__V_STORE(p, a) vst1q_f32(p, a)
#define GMLP__V_SET1(s) vdupq_n_f32(s)
#define GMLP__V_ADD(a, b) vaddq_f32(a, b)
#define GMLP__V_SUB(a, b) vsubq_f32(a, b)
#define GMLP__V_MUL(a, b) vmulq_f32(a, b)
#define GMLP__V_DIV(a, b) vdivq_f32(a, b)
#define GMLP__V_SQRT(a) vsqrtq_f32(a)
#define GMLP__V_MAX(a, b) vbslq_f32(vcgtq_f32(a, b), a, b)
#define GMLP__V_MIN(a, b) vbslq_f32(vcltq_f32(a, b), a, b)
#define GMLP__V_FMA(a, b, c) vfmaq_f32(c, a, b)
#define GMLP__V_ROUND(a) vrndnq_f32(a)
#define GMLP__V_LESS(a, b, x, y) vbslq_f32(vcltq_f32(a, b), x, y)
#define GMLP__V_GATHER(p, i) gmlp__gather4_neon(p, i)
#define GMLP__V_TO_INT(a) vcvtnq_s32_f32(a)
#define GMLP__V_FROM_INT(a) vcvtq_f32_s32(a)
#define GMLP__V_AS_INT(a) vreinterpretq_s32_f32(a)
#define GMLP__V_AS_FLOAT(a) vreinterpretq_f32_s32(a)
#define GMLP__V_MANTISSA(a) \
    GMLP__V_AS_FLOAT(vbslq_s32(vdupq_n_u32(0x7fffff), GMLP__V_AS_INT(a), vdupq_n_s32(0x3f800000)))
#define GMLP__I_LOAD(p) vld1q_s32(p)
#define GMLP__I_SET1(s) vdupq_n_s32((int32_t)(s))
#define GMLP__I_ADD(a, b) vaddq_s32(a, b)
#define GMLP__I_SUB(a, b) vsubq_s32(a, b)
#define GMLP__I_AND(a, b) vandq_s32(a, b)
#define GMLP__I_XOR(a, b) veorq_s32(a, b)
#define GMLP__I_SHL(a, n) vshlq_n_s32(a, n)
#define GMLP__I_SAR(a, n) vshrq_n_s32(a, n)
#define GMLP__I_SHIFT(a, n) vshlq_s32(a, vdupq_n_s32(n))
#define GMLP__I_STORE(p, a) vst1q_s32(p, a)
#define GMLP__I_PUT(p, a) vst1q_s32((int32_t *)(void *)(p), a)
#define GMLP__P_ADD(a, b) vreinterpretq_s32_s16(vaddq_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b)))
#define GMLP__P_MULHI(a, b) gmlp__pair_mulhi_neon(a, b)
#define GMLP__P_RELU(a) vreinterpretq_s32_s16(vmaxq_s16(vreinterpretq_s16_s32(a), vdupq_n_s16(0)))
#define GMLP__P_DOT(s, a, b) gmlp__pair_dot_neon(s, vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b))
#define GMLP__TILE(X) X(0, 1, 0) X(2, 3, 1) X(4, 5, 2) X(6, 7, 3)
#define GMLP__TILE_COUNT 8
#define GMLP__V_LOOK16(p, i) gmlp__look16_neon(p, i)
#define GMLP__V_ANY_LESS(a, b) (vmaxvq_u32(vcltq_f32(a, b)) != 0)
#define GMLP__V4 float32x4_t
#define GMLP__V4_LOAD(p) vld1q_f32(p)
#define GMLP__V4_STORE(p, a) vst1q_f32(p, a)
#define GMLP__V4_ADD(a, b) vaddq_f32(a, b)
#define GMLP__V4_FMA(s, a, b) vfmaq_n_f32(b, a, s)
#define GMLP__ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define GMLP__ROWS_COUNT 8
static inline int32x4_t gmlp__pair_mulhi_neon(int32x4_t a, int32x4_t b) {
    const uint16x8_t x = vreinterpretq_u16_s32(a), y = vreinterpretq_u16_s32(b);
    const uint32x4_t low = vmull_u16(vget_low_u16(x), vget_low_u16(y)), high = vmull_high_u16(x, y);
    return vreinterpretq_s32_u16(vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high)));
}
static inline int32x4_t gmlp__pair_dot_neon(int32x4_t s, int16x8_t a, int16x8_t b) {
    return vaddq_s32(s, vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b)));
}
static inline void gmlp__turn_neon(const int32_t *h, size_t row, int32x4_t t[4]) {
    const int32x4_t v0 = vld1q_s32(h), v1 = vld1q_s32(h + row), v2 = vld1q_s32(h + 2 * row),
                    v3 = vld1q_s32(h + 3 * row);
    const int64x2_t a = vreinterpretq_s64_s32(vtrn1q_s32(v0, v1)), b = vreinterpretq_s64_s32(vtrn2q_s32(v0, v1));
    const int64x2_t c = vreinterpretq_s64_s32(vtrn1q_s32(v2, v3)), d = vreinterpretq_s64_s32(vtrn2q_s32(v2, v3));
    t[0] = vreinterpretq_s32_s64(vtrn1q_s64(a, c)), t[1] = vreinterpretq_s32_s64(vtrn1q_s64(b, d));
    t[2] = vreinterpretq_s32_s64(vtrn2q_s64(a, c)), t[3] = vreinterpretq_s32_s64(vtrn2q_s64(b, d));
}
static inline float32x4_t gmlp__gather4_neon(const float *p, int32x4_t i) {
    float v[4];
    int32_t k[4];
    vst1q_s32(k, i);
    v[0] = p[k[0]]; v[1] = p[k[1]]; v[2] = p[k[2]]; v[3] = p[k[3]];
    return vld1q_f32(v);
}
static inline float32x4_t gmlp__look16_neon(const float *p, int32x4_t i) {
    const uint8x16x4_t table = vld1q_u8_x4((const uint8_t *)(const void *)p);
    const uint32x4_t k = vandq_u32(vreinterpretq_u32_s32(i), vdupq_n_u32(15));
    const uint32x4_t bytes = vaddq_u32(vmulq_n_u32(k, 0x04040404u), vdupq_n_u32(0x03020100u));
    return vreinterpretq_f32_u8(vqtbl4q_u8(table, vreinterpretq_u8_u32(bytes)));
}
static inline int32x4_t gmlp__take16_neon(const unsigned char *p, int c) {
    const uint16x4x3_t v = vld3_u16((const uint16_t *)(const void *)p);
    return vreinterpretq_s32_u32(vmovl_u16(v.val[c]));
}
static inline void gmlp__put8_neon(unsigned char *p, int32x4_t r, int32x4_t g, int32x4_t b) {
    const uint8_t order[16] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0};
    const int32x4_t v = vorrq_s32(vorrq_s32(r, vshlq_n_s32(g, 8)), vshlq_n_s32(b, 16));
    uint8_t out[16];
    vst1q_u8(out, vqtbl1q_u8(vreinterpretq_u8_s32(v), vld1q_u8(order)));
    memcpy(p, out, 12);
}
static inline void gmlp__put16_neon(unsigned char *p, int32x4_t r, int32x4_t g, int32x4_t b) {
    uint16x4x3_t v;
    v.val[0] = vmovn_u32(vreinterpretq_u32_s32(r));
    v.val[1] = vmovn_u32(vreinterpretq_u32_s32(g));
    v.val[2] = vmovn_u32(vreinterpretq_u32_s32(b));
    vst3_u16((uint16_t *)(void *)p, v);
}
static inline void gmlp__zip_neon(unsigned char *p, int32x4_t a, int32x4_t b) {
    vst1q_s32((int32_t *)(void *)p, vzip1q_s32(a, b));
    vst1q_s32((int32_t *)(void *)(p + 16), vzip2q_s32(a, b));
}
static inline void gmlp__spread_neon(const float32x4_t v[4], float *r, float *g, float *b) {
    const float32x4_t x = vzip1q_f32(v[0], v[2]), y = vzip1q_f32(v[1], v[3]);
    vst1q_f32(r, vzip1q_f32(x, y));
    vst1q_f32(g, vzip2q_f32(x, y));
    vst1q_f32(b, vzip1q_f32(vzip2q_f32(v[0], v[2]), vzip2q_f32(v[1], v[3])));
}
static inline void gmlp__narrow_neon(unsigned char *p, int32x4_t i) {
    vst1_u16((uint16_t *)(void *)p, vmovn_u32(vreinterpretq_u32_s32(i)));
}
static inline void gmlp__add16_neon(uint16_t *s, const unsigned char *p, const unsigned char *q) {
    int i;
    for (i = 0; i < 16; i += 8) vst1q_u16(s + i, vaddq_u16(vld1q_u16(s + i), vsubl_u8(vld1_u8(p + i), vld1_u8(q + i))));
}
static inline uint32_t gmlp__near16_neon(const unsigned char *p, int margin) {
    const uint8_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t v = vld1q_u8(p),
                     close = vandq_u8(vcleq_u8(vminq_u8(v, vmvnq_u8(v)), vdupq_n_u8((uint8_t)margin)), vld1q_u8(bit));
    return (uint32_t)vaddv_u8(vget_low_u8(close)) | (uint32_t)vaddv_u8(vget_high_u8(close)) << 8;
}

#elif GMLP__PASS == GMLP__PASS_SSE41
#define GMLP__FN(name) gmlp__##name##_sse41
#if defined(_MSC_VER) && !defined(__clang__)
#define GMLP__TARGET
#else
#define GMLP__TARGET __attribute__((target("sse4.1")))
#endif
#define GMLP__W 4
#define GMLP__VF __m128
#define GMLP__VI __m128i
#define GMLP__V_LOAD(p) _mm_loadu_ps(p)
#define GMLP__V_STORE(p, a) _mm_storeu_ps(p, a)
#define GMLP__V_SET1(s) _mm_set1_ps(s)
#define GMLP__V_ADD(a, b) _mm_add_ps(a, b)
#define GMLP__V_SUB(a, b) _mm_sub_ps(a, b)
#define GMLP__V_MUL(a, b) _mm_mul_ps(a, b)
#define GMLP__V_DIV(a, b) _mm_div_ps(a, b)
#define GMLP__V_SQRT(a) _mm_sqrt_ps(a)
#define GMLP__V_MAX(a, b) _mm_max_ps(a, b)
#define GMLP__V_MIN(a, b) _mm_min_ps(a, b)
#define GMLP__V_FMA(a, b, c) gmlp__fma_sse41(a, b, c)
#define GMLP__V_ROUND(a) _mm_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define GMLP__V_LESS(a, b, x, y) _mm_blendv_ps(y, x, _mm_cmplt_ps(a, b))
#define GMLP__V_GATHER(p, i) gmlp__gather4_sse41(p, i)
#define GMLP__V_TO_INT(a) _mm_cvtps_epi32(a)
#define GMLP__V_FROM_INT(a) _mm_cvtepi32_ps(a)
#define GMLP__V_AS_INT(a) _mm_castps_si128(a)
#define GMLP__V_AS_FLOAT(a) _mm_castsi128_ps(a)
#define GMLP__V_MANTISSA(a) _mm_or_ps(_mm_and_ps(a, GMLP__V_AS_FLOAT(GMLP__I_SET1(0x7fffff))), GMLP__V_SET1(1.0f))
#define GMLP__I_LOAD(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define GMLP__I_SET1(s) _mm_set1_epi32((int)(s))
#define GMLP__I_ADD(a, b) _mm_add_epi32(a, b)
#define GMLP__I_SUB(a, b) _mm_sub_epi32(a, b)
#define GMLP__I_AND(a, b) _mm_and_si128(a, b)
#define GMLP__I_XOR(a, b) _mm_xor_si128(a, b)
#define GMLP__I_SHL(a, n) _mm_slli_epi32(a, n)
#define GMLP__I_SAR(a, n) _mm_srai_epi32(a, n)
#define GMLP__I_SHIFT(a, n) _mm_sll_epi32(a, _mm_cvtsi32_si128(n))
#define GMLP__I_STORE(p, a) _mm_storeu_si128((__m128i *)(void *)(p), a)
#define GMLP__I_PUT(p, a) GMLP__I_STORE(p, a)
#define GMLP__P_ADD(a, b) _mm_add_epi16(a, b)
#define GMLP__P_MULHI(a, b) _mm_mulhi_epu16(a, b)
#define GMLP__P_RELU(a) _mm_max_epi16(a, _mm_setzero_si128())
#define GMLP__P_DOT(s, a, b) _mm_add_epi32(s, _mm_madd_epi16(a, b))
#define GMLP__TILE(X) X(0, 1, 0) X(2, 3, 1)
#define GMLP__TILE_COUNT 4
#define GMLP__V_LOOK16(p, i) gmlp__gather4_sse41(p, GMLP__I_AND(i, GMLP__I_SET1(15)))
#define GMLP__V_ANY_LESS(a, b) _mm_movemask_ps(_mm_cmplt_ps(a, b))
#define GMLP__V4 __m128
#define GMLP__V4_LOAD(p) _mm_loadu_ps(p)
#define GMLP__V4_STORE(p, a) _mm_storeu_ps(p, a)
#define GMLP__V4_ADD(a, b) _mm_add_ps(a, b)
#define GMLP__V4_FMA(s, a, b) gmlp__fma_sse41(_mm_set1_ps(s), a, b)
#define GMLP__D __m128d
#define GMLP__D_LOWER(a) _mm_cvtps_pd(a)
#define GMLP__D_UPPER(a) _mm_cvtps_pd(_mm_movehl_ps(a, a))
#define GMLP__D_ADD(a, b) _mm_add_pd(a, b)
#define GMLP__D_SUB(a, b) _mm_sub_pd(a, b)
#define GMLP__D_MUL(a, b) _mm_mul_pd(a, b)
#define GMLP__D_FLOATS(a, b) _mm_movelh_ps(_mm_cvtpd_ps(a), _mm_cvtpd_ps(b))
#define GMLP__D_WORDS(a, b, n) _mm_castps_si128(_mm_shuffle_ps(_mm_castpd_ps(a), _mm_castpd_ps(b), 0x88 + (n) * 0x55))
#define GMLP__I_OR(a, b) _mm_or_si128(a, b)
#define GMLP__I_EQUAL(a, b) _mm_cmpeq_epi32(a, b)
#define GMLP__I_LEAST(a, b) _mm_min_epu32(a, b)
#define GMLP__I_ANY(a) _mm_movemask_epi8(a)
#define GMLP__ROWS(X) X(0) X(1) X(2) X(3)
#define GMLP__ROWS_COUNT 4

GMLP__TARGET GMLP__INLINE void gmlp__turn_sse41(const int32_t *h, size_t row, __m128i t[4]) {
    const __m128i v0 = GMLP__I_LOAD(h), v1 = GMLP__I_LOAD(h + row);
    const __m128i v2 = GMLP__I_LOAD(h + 2 * row), v3 = GMLP__I_LOAD(h + 3 * row);
    const __m128i a = _mm_unpacklo_epi32(v0, v1), b = _mm_unpacklo_epi32(v2, v3);
    const __m128i c = _mm_unpackhi_epi32(v0, v1), d = _mm_unpackhi_epi32(v2, v3);
    t[0] = _mm_unpacklo_epi64(a, b), t[1] = _mm_unpackhi_epi64(a, b);
    t[2] = _mm_unpacklo_epi64(c, d), t[3] = _mm_unpackhi_epi64(c, d);
}
GMLP__TARGET GMLP__INLINE __m128 gmlp__gather4_sse41(const float *p, __m128i i) {
    return _mm_setr_ps(p[_mm_cvtsi128_si32(i)], p[_mm_extract_epi32(i, 1)], p[_mm_extract_epi32(i, 2)],
                       p[_mm_extract_epi32(i, 3)]);
}
GMLP__TARGET GMLP__INLINE __m128i gmlp__take8_sse41(const unsigned char *p, size_t step, int c) {
    const __m128i i = step == 3 ? _mm_setr_epi32(4, 7, 10, 13) : _mm_setr_epi32(0, 4, 8, 12);
    int32_t first;
    __m128i v;
    memcpy(&first, p, 4);
    v = _mm_loadl_epi64((const __m128i *)(const void *)(p + 4));
    v = step == 3 ? _mm_insert_epi32(_mm_slli_si128(v, 8), first, 1)
                  : _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm_shuffle_epi8(v, _mm_add_epi32(i, _mm_set1_epi32(c - 256)));
}
#define GMLP__TAKE8(p, step, c) gmlp__take8_sse41(p, step, c)
/* Bytes of two pixels each. NO gives 0, also a little larger. */
#define GMLP__NO -128, -128
#define GMLP__NONE GMLP__NO, GMLP__NO
GMLP__TARGET GMLP__INLINE __m128i gmlp__take16_sse41(const unsigned char *p, int c) {
    const __m128i at = _mm_set1_epi8((char)(2 * c));
    const __m128i lower = _mm_setr_epi8(0, 1, GMLP__NO, 6, 7, GMLP__NONE, GMLP__NONE, GMLP__NO);
    const __m128i upper = _mm_setr_epi8(GMLP__NONE, GMLP__NONE, 4, 5, GMLP__NO, 10, 11, GMLP__NO);
    return _mm_or_si128(_mm_shuffle_epi8(GMLP__I_LOAD(p), _mm_add_epi8(lower, at)),
                        _mm_shuffle_epi8(GMLP__I_LOAD(p + 8), _mm_add_epi8(upper, at)));
}
GMLP__TARGET GMLP__INLINE void gmlp__put8_sse41(unsigned char *p, __m128i r, __m128i g, __m128i b) {
    const __m128i v = _mm_or_si128(_mm_or_si128(r, _mm_slli_epi32(g, 8)), _mm_slli_epi32(b, 16));
    const __m128i w = _mm_shuffle_epi8(v, _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, GMLP__NONE));
    const int32_t last = _mm_extract_epi32(w, 2);
    _mm_storel_epi64((__m128i *)(void *)p, w);
    memcpy(p + 8, &last, 4);
}
GMLP__TARGET GMLP__INLINE void gmlp__put16_sse41(unsigned char *p, __m128i r, __m128i g, __m128i b) {
    const __m128i rg = _mm_or_si128(r, _mm_slli_epi32(g, 16));
    const __m128i v = _mm_shuffle_epi8(rg, _mm_setr_epi8(0, 1, 2, 3, GMLP__NO, 4, 5, 6, 7, GMLP__NO, 8, 9, 10, 11));
    const __m128i w = _mm_shuffle_epi8(b, _mm_setr_epi8(GMLP__NONE, 0, 1, GMLP__NONE, 4, 5, GMLP__NONE));
    const __m128i x = _mm_slli_si128(_mm_srli_si128(rg, 12), 2);
    const __m128i y = _mm_shuffle_epi8(b, _mm_setr_epi8(8, 9, GMLP__NONE, 12, 13, GMLP__NONE, GMLP__NONE));
    GMLP__I_STORE(p, _mm_or_si128(v, w));
    _mm_storel_epi64((__m128i *)(void *)(p + 16), _mm_or_si128(x, y));
}
GMLP__TARGET GMLP__INLINE void gmlp__zip_sse41(unsigned char *p, __m128i a, __m128i b) {
    GMLP__I_STORE(p, _mm_unpacklo_epi32(a, b));
    GMLP__I_STORE(p + 16, _mm_unpackhi_epi32(a, b));
}
GMLP__TARGET GMLP__INLINE void gmlp__spread_sse41(const __m128 v[4], float *r, float *g, float *b) {
    const __m128 x = _mm_unpacklo_ps(v[0], v[2]), y = _mm_unpacklo_ps(v[1], v[3]);
    _mm_storeu_ps(r, _mm_unpacklo_ps(x, y));
    _mm_storeu_ps(g, _mm_unpackhi_ps(x, y));
    _mm_storeu_ps(b, _mm_unpacklo_ps(_mm_unpackhi_ps(v[0], v[2]), _mm_unpackhi_ps(v[1], v[3])));
}
GMLP__TARGET GMLP__INLINE void gmlp__add16_sse41(uint16_t *s, const unsigned char *p, const unsigned char *q) {
    int i;
    for (i = 0; i < 16; i += 8) {
        const __m128i in = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(p + i)));
        const __m128i out = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(q + i)));
        GMLP__I_STORE(s + i, _mm_sub_epi16(_mm_add_epi16(GMLP__I_LOAD(s + i), in), out));
    }
}
GMLP__TARGET GMLP__INLINE uint32_t gmlp__near16_sse41(const unsigned char *p, int margin) {
    const __m128i v = GMLP__I_LOAD(p), most = _mm_set1_epi8((char)margin);
    const __m128i away = _mm_min_epu8(v, _mm_xor_si128(v, _mm_set1_epi8(-1)));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(away, most), most));
}

#elif GMLP__PASS == GMLP__PASS_WASM
#define GMLP__FN(name) gmlp__##name##_wasm
#define GMLP__TARGET
#define GMLP__W 4
#define GMLP__VF v128_t
#define GMLP__VI v128_t
#define GMLP__V_LOAD(p) wasm_v128_load(p)
#define GMLP__V_STORE(p, a) wasm_v128_store(p, a)
#define GMLP__V_SET1(s) wasm_f32x4_splat(s)
#define GMLP__V_ADD(a, b) wasm_f32x4_add(a, b)
#define GMLP__V_SUB(a, b) wasm_f32x4_sub(a, b)
#define GMLP__V_MUL(a, b) wasm_f32x4_mul(a, b)
#define GMLP__V_DIV(a, b) wasm_f32x4_div(a, b)
#define GMLP__V_SQRT(a) wasm_f32x4_sqrt(a)
#define GMLP__V_MAX(a, b) wasm_f32x4_pmax(b, a)
#define GMLP__V_MIN(a, b) wasm_f32x4_pmin(b, a)
#define GMLP__V_FMA(a, b, c) gmlp__fma_wasm(a, b, c)
#define GMLP__V_ROUND(a) wasm_f32x4_nearest(a)
#define GMLP__V_LESS(a, b, x, y) wasm_v128_bitselect(x, y, wasm_f32x4_lt(a, b))
#define GMLP__V_GATHER(p, i) gmlp__gather4_wasm(p, i)
#define GMLP__V_TO_INT(a) wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(a))
#define GMLP__V_FROM_INT(a) wasm_f32x4_convert_i32x4(a)
#define GMLP__V_AS_INT(a) (a)
#define GMLP__V_AS_FLOAT(a) (a)
#define GMLP__V_MANTISSA(a) wasm_v128_or(wasm_v128_and(a, GMLP__I_SET1(0x7fffff)), GMLP__V_SET1(1.0f))
#define GMLP__I_LOAD(p) wasm_v128_load(p)
#define GMLP__I_SET1(s) wasm_i32x4_splat((int32_t)(s))
#define GMLP__I_ADD(a, b) wasm_i32x4_add(a, b)
#define GMLP__I_SUB(a, b) wasm_i32x4_sub(a, b)
#define GMLP__I_AND(a, b) wasm_v128_and(a, b)
#define GMLP__I_XOR(a, b) wasm_v128_xor(a, b)
#define GMLP__I_SHL(a, n) wasm_i32x4_shl(a, n)
#define GMLP__I_SAR(a, n) wasm_i32x4_shr(a, n)
#define GMLP__I_SHIFT(a, n) wasm_i32x4_shl(a, (uint32_t)(n))
#define GMLP__I_STORE(p, a) wasm_v128_store(p, a)
#define GMLP__I_PUT(p, a) GMLP__I_STORE(p, a)
#define GMLP__P_ADD(a, b) wasm_i16x8_add(a, b)
#define GMLP__P_MULHI(a, b)                                                                                         \
    wasm_i16x8_shuffle(wasm_u32x4_extmul_low_u16x8(a, b), wasm_u32x4_extmul_high_u16x8(a, b), 1, 3, 5, 7, 9, 11, 13, 15)
#define GMLP__P_RELU(a) wasm_i16x8_max(a, wasm_i16x8_splat(0))
#define GMLP__P_DOT(s, a, b) wasm_i32x4_add(s, wasm_i32x4_dot_i16x8(a, b))
#define GMLP__TILE(X) X(0, 1, 0) X(2, 3, 1)
#define GMLP__TILE_COUNT 4
#define GMLP__V_LOOK16(p, i) gmlp__gather4_wasm(p, GMLP__I_AND(i, GMLP__I_SET1(15)))
#define GMLP__V_ANY_LESS(a, b) wasm_v128_any_true(wasm_f32x4_lt(a, b))
#define GMLP__V4 v128_t
#define GMLP__V4_LOAD(p) wasm_v128_load(p)
#define GMLP__V4_STORE(p, a) wasm_v128_store(p, a)
#define GMLP__V4_ADD(a, b) wasm_f32x4_add(a, b)
#define GMLP__V4_FMA(s, a, b) gmlp__fma_wasm(wasm_f32x4_splat(s), a, b)
#define GMLP__D v128_t
#define GMLP__D_LOWER(a) wasm_f64x2_promote_low_f32x4(a)
#define GMLP__D_UPPER(a) wasm_f64x2_promote_low_f32x4(wasm_i64x2_shuffle(a, a, 1, 1))
#define GMLP__D_ADD(a, b) wasm_f64x2_add(a, b)
#define GMLP__D_SUB(a, b) wasm_f64x2_sub(a, b)
#define GMLP__D_MUL(a, b) wasm_f64x2_mul(a, b)
#define GMLP__D_FLOATS(a, b) wasm_i64x2_shuffle(wasm_f32x4_demote_f64x2_zero(a), wasm_f32x4_demote_f64x2_zero(b), 0, 2)
#define GMLP__D_WORDS(a, b, n) wasm_i32x4_shuffle(a, b, n, 2 + (n), 4 + (n), 6 + (n))
#define GMLP__I_OR(a, b) wasm_v128_or(a, b)
#define GMLP__I_EQUAL(a, b) wasm_i32x4_eq(a, b)
#define GMLP__I_LEAST(a, b) wasm_u32x4_min(a, b)
#define GMLP__I_ANY(a) wasm_v128_any_true(a)
#define GMLP__ROWS(X) X(0) X(1) X(2) X(3)
#define GMLP__ROWS_COUNT 4

GMLP__INLINE void gmlp__turn_wasm(const int32_t *h, size_t row, v128_t t[4]) {
    const v128_t v0 = GMLP__I_LOAD(h), v1 = GMLP__I_LOAD(h + row);
    const v128_t v2 = GMLP__I_LOAD(h + 2 * row), v3 = GMLP__I_LOAD(h + 3 * row);
    const v128_t a = wasm_i32x4_shuffle(v0, v1, 0, 4, 1, 5), b = wasm_i32x4_shuffle(v2, v3, 0, 4, 1, 5);
    const v128_t c = wasm_i32x4_shuffle(v0, v1, 2, 6, 3, 7), d = wasm_i32x4_shuffle(v2, v3, 2, 6, 3, 7);
    t[0] = wasm_i64x2_shuffle(a, b, 0, 2), t[1] = wasm_i64x2_shuffle(a, b, 1, 3);
    t[2] = wasm_i64x2_shuffle(c, d, 0, 2), t[3] = wasm_i64x2_shuffle(c, d, 1, 3);
}
GMLP__INLINE v128_t gmlp__gather4_wasm(const float *p, v128_t i) {
    return wasm_f32x4_make(p[wasm_i32x4_extract_lane(i, 0)], p[wasm_i32x4_extract_lane(i, 1)],
                           p[wasm_i32x4_extract_lane(i, 2)], p[wasm_i32x4_extract_lane(i, 3)]);
}
GMLP__INLINE v128_t gmlp__take16_wasm(const unsigned char *p, int c) {
    uint16_t v[12];
    memcpy(v, p, 24);
    return wasm_i32x4_make(v[c], v[3 + c], v[6 + c], v[9 + c]);
}
GMLP__INLINE void gmlp__put8_wasm(unsigned char *p, v128_t r, v128_t g, v128_t b) {
    const v128_t v = wasm_v128_or(wasm_v128_or(r, wasm_i32x4_shl(g, 8)), wasm_i32x4_shl(b, 16));
    const v128_t w = wasm_i8x16_shuffle(v, v, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0);
    wasm_v128_store64_lane(p, w, 0);
    wasm_v128_store32_lane(p + 8, w, 2);
}
GMLP__INLINE void gmlp__put16_wasm(unsigned char *p, v128_t r, v128_t g, v128_t b) {
    const v128_t rg = wasm_v128_or(r, wasm_i32x4_shl(g, 16));
    wasm_v128_store(p, wasm_i16x8_shuffle(rg, b, 0, 1, 8, 2, 3, 10, 4, 5));
    wasm_v128_store64_lane(p + 16, wasm_i16x8_shuffle(rg, b, 12, 6, 7, 14, 0, 0, 0, 0), 0);
}
GMLP__INLINE void gmlp__zip_wasm(unsigned char *p, v128_t a, v128_t b) {
    wasm_v128_store(p, wasm_i32x4_shuffle(a, b, 0, 4, 1, 5));
    wasm_v128_store(p + 16, wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
}
GMLP__INLINE void gmlp__spread_wasm(const v128_t v[4], float *r, float *g, float *b) {
    const v128_t x = wasm_i32x4_shuffle(v[0], v[2], 0, 4, 1, 5), y = wasm_i32x4_shuffle(v[1], v[3], 0, 4, 1, 5);
    const v128_t z = wasm_i32x4_shuffle(v[0], v[2], 2, 6, 3, 7), w = wasm_i32x4_shuffle(v[1], v[3], 2, 6, 3, 7);
    wasm_v128_store(r, wasm_i32x4_shuffle(x, y, 0, 4, 1, 5));
    wasm_v128_store(g, wasm_i32x4_shuffle(x, y, 2, 6, 3, 7));
    wasm_v128_store(b, wasm_i32x4_shuffle(z, w, 0, 4, 1, 5));
}
GMLP__INLINE void gmlp__add16_wasm(uint16_t *s, const unsigned char *p, const unsigned char *q) {
    int i;
    for (i = 0; i < 16; i += 8)
        wasm_v128_store(s + i, wasm_i16x8_sub(wasm_i16x8_add(wasm_v128_load(s + i), wasm_u16x8_load8x8(p + i)),
                                              wasm_u16x8_load8x8(q + i)));
}
GMLP__INLINE uint32_t gmlp__near16_wasm(const unsigned char *p, int margin) {
    const v128_t v = wasm_v128_load(p);
    return wasm_i8x16_bitmask(wasm_u8x16_le(wasm_u8x16_min(v, wasm_v128_not(v)), wasm_u8x16_splat((uint8_t)margin)));
}
#endif

#ifdef GMLP__D
/* Products are exact in double. Rounding a sum twice, to double and to float, differs from rounding it once only if the
   double lies in the middle between two floats: its lower 29 bits are 2^28 then. Floats below 2^-126 have fewer bits:
   doubles down there are all in doubt, but for 0. What is in doubt, and not exact, gets gmlp__fmaf. */
#define GMLP__BETWEEN(s, u) GMLP__I_EQUAL(GMLP__I_SHL(GMLP__D_WORDS(s, u, 0), 3), GMLP__I_SET1(INT32_MIN))
#define GMLP__UP_TO(a, most) GMLP__I_EQUAL(GMLP__I_LEAST(a, GMLP__I_SET1(most)), a)

GMLP__TARGET GMLP__NOINLINE GMLP__VF GMLP__FN(fma)(GMLP__VF a, GMLP__VF b, GMLP__VF c) {
    const GMLP__D p = GMLP__D_MUL(GMLP__D_LOWER(a), GMLP__D_LOWER(b)), d = GMLP__D_LOWER(c), s = GMLP__D_ADD(p, d);
    const GMLP__D q = GMLP__D_MUL(GMLP__D_UPPER(a), GMLP__D_UPPER(b)), f = GMLP__D_UPPER(c), u = GMLP__D_ADD(q, f);
    const GMLP__VI twice = GMLP__I_SUB(GMLP__I_SHL(GMLP__D_WORDS(s, u, 1), 1), GMLP__I_SET1(1)); /* 0: the largest */
    const GMLP__VI doubt = GMLP__I_OR(GMLP__BETWEEN(s, u), GMLP__UP_TO(twice, 2 * (1023 - 126) * 0x100000));
    if (GMLP__I_ANY(doubt)) { /* mostly a sum without an error */
#define GMLP__X(p, d, s, t) GMLP__D_ADD(GMLP__D_SUB(p, GMLP__D_SUB(s, t)), GMLP__D_SUB(d, t))
        const GMLP__D t = GMLP__D_SUB(s, p), v = GMLP__D_SUB(u, q), e = GMLP__X(p, d, s, t), g = GMLP__X(q, f, u, v);
#undef GMLP__X
        const GMLP__VI bits = GMLP__I_OR(GMLP__D_WORDS(e, g, 0), GMLP__D_WORDS(e, g, 1));
        const GMLP__VI exact = GMLP__I_EQUAL(bits, GMLP__I_SET1(0));
        if (GMLP__I_ANY(GMLP__I_AND(doubt, GMLP__I_XOR(exact, GMLP__I_SET1(-1))))) {
            float x[3][GMLP__W];
            size_t i;
            GMLP__V_STORE(x[0], a);
            GMLP__V_STORE(x[1], b);
            GMLP__V_STORE(x[2], c);
            for (i = 0; i < GMLP__W; i++) x[0][i] = gmlp__fmaf(x[0][i], x[1][i], x[2][i]);
            return GMLP__V_LOAD(x[0]);
        }
    }
    return GMLP__D_FLOATS(s, u);
}
/* One vector after the other would wait for its own results. */
#define GMLP__AT_ONCE 4
#define GMLP__POWER GMLP__NOINLINE
#else
#define GMLP__AT_ONCE 1
#define GMLP__POWER GMLP__INLINE
#endif

/* The smallest build has these in plain C alone, but for AVX2 and NEON: without a fused multiply-add they are large, or
   decoding seldom needs them. */
#if GMLP__PASS == GMLP__PASS_SSE41 && defined(GMLP_DECODE_ONLY)
#define GMLP__DENSE(name) gmlp__##name##_scalar
#else
#define GMLP__DENSE(name) GMLP__FN(name)
#define GMLP__OWN_DENSE
#endif

/* Kernels of >>color. */

GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(abs)(GMLP__VF x) {
    return GMLP__V_AS_FLOAT(GMLP__I_AND(GMLP__V_AS_INT(x), GMLP__I_SET1(0x7fffffff)));
}

/* Gives y the sign that x has; y is not negative. */
GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(sign_of)(GMLP__VF y, GMLP__VF x) {
    return GMLP__V_AS_FLOAT(GMLP__I_XOR(GMLP__V_AS_INT(y), GMLP__I_AND(GMLP__V_AS_INT(x), GMLP__I_SET1(INT32_MIN))));
}

/* A POWER curve in registers. */
typedef struct GMLP__FN(power_terms) {
    GMLP__VF in_scale, in_offset, toe_end, toe_slope, out_offset, t0, t1, t2, t3, t4, t5, t6, t7;
    const float *octave;
#ifdef GMLP__D
    GMLP__VF first; /* the polynomial at -0.5: of 0, of 1 and of other powers of 2 */
#endif
} GMLP__FN(power_terms);

GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(polynomial)(const GMLP__FN(power_terms) *p, GMLP__VF t) {
    GMLP__VF y = GMLP__V_FMA(p->t7, t, p->t6);
    y = GMLP__V_FMA(y, t, p->t5);
    y = GMLP__V_FMA(y, t, p->t4);
    y = GMLP__V_FMA(y, t, p->t3);
    y = GMLP__V_FMA(y, t, p->t2);
    y = GMLP__V_FMA(y, t, p->t1);
    return GMLP__V_FMA(y, t, p->t0);
}

GMLP__TARGET GMLP__POWER GMLP__FN(power_terms) GMLP__FN(power_load)(const gmlp__curve *c) {
    GMLP__FN(power_terms) p;
    p.in_scale = GMLP__V_SET1(c->in_scale);
    p.in_offset = GMLP__V_SET1(c->in_offset);
    p.toe_end = GMLP__V_SET1(c->toe_end);
    p.toe_slope = GMLP__V_SET1(c->toe_slope);
    p.out_offset = GMLP__V_SET1(c->out_offset);
    p.t0 = GMLP__V_SET1(c->term[0]);
    p.t1 = GMLP__V_SET1(c->term[1]);
    p.t2 = GMLP__V_SET1(c->term[2]);
    p.t3 = GMLP__V_SET1(c->term[3]);
    p.t4 = GMLP__V_SET1(c->term[4]);
    p.t5 = GMLP__V_SET1(c->term[5]);
    p.t6 = GMLP__V_SET1(c->term[6]);
    p.t7 = GMLP__V_SET1(c->term[7]);
    p.octave = c->octave;
#ifdef GMLP__D
    p.first = GMLP__FN(polynomial)(&p, GMLP__V_SET1(-0.5f));
#endif
    return p;
}

#ifdef GMLP__D
/* The same of several, with one look at the end whether anything was in doubt. Powers of 2, the ends of a curve above
   all, would often be: few bits give a middle that is exact. */
GMLP__TARGET GMLP__INLINE void GMLP__FN(polynomials)(const GMLP__FN(power_terms) *p, const GMLP__VF t[GMLP__AT_ONCE],
                                                     GMLP__VF y[GMLP__AT_ONCE]) {
    const GMLP__VF second = GMLP__V_SET1(-0.49999988f); /* the place after -0.5 */
    GMLP__VI between[GMLP__AT_ONCE], least[GMLP__AT_ONCE];
    int v;
    for (v = 0; v < GMLP__AT_ONCE; v++) y[v] = p->t7, between[v] = GMLP__I_SET1(0), least[v] = GMLP__I_SET1(-1);
#define GMLP__X(term)                                                                                               \
    for (v = 0; v < GMLP__AT_ONCE; v++) {                                                                           \
        const GMLP__D c = GMLP__D_LOWER(term); /* all lanes are the same */                                         \
        const GMLP__D s = GMLP__D_ADD(GMLP__D_MUL(GMLP__D_LOWER(y[v]), GMLP__D_LOWER(t[v])), c);                    \
        const GMLP__D u = GMLP__D_ADD(GMLP__D_MUL(GMLP__D_UPPER(y[v]), GMLP__D_UPPER(t[v])), c);                    \
        between[v] = GMLP__I_OR(between[v], GMLP__BETWEEN(s, u));                                                   \
        y[v] = GMLP__D_FLOATS(s, u);                                                                                \
        least[v] = GMLP__I_LEAST(least[v], GMLP__I_SHL(GMLP__V_AS_INT(y[v]), 1));                                   \
    }
    GMLP__X(p->t6) GMLP__X(p->t5) GMLP__X(p->t4) GMLP__X(p->t3) GMLP__X(p->t2) GMLP__X(p->t1) GMLP__X(p->t0)
#undef GMLP__X
    for (v = 0; v < GMLP__AT_ONCE; v++) {
        GMLP__VF doubt = GMLP__V_AS_FLOAT(GMLP__I_OR(between[v], GMLP__UP_TO(least[v], 0x1000000)));
        doubt = GMLP__V_LESS(t[v], second, GMLP__V_SET1(0.0f), doubt);
        if (GMLP__I_ANY(GMLP__V_AS_INT(doubt))) y[v] = GMLP__FN(polynomial)(p, t[v]);
        else y[v] = GMLP__V_LESS(t[v], second, p->first, y[v]);
    }
}
#endif

/* Of several vectors; y may be a, which is not negative. close: it is below 2, and the curve is
   gmlp__curve_near. */
GMLP__TARGET GMLP__POWER void GMLP__FN(power)(const GMLP__FN(power_terms) *p, const GMLP__VF a[GMLP__AT_ONCE],
                                              const int close, GMLP__VF y[GMLP__AT_ONCE]) {
    GMLP__VF t[GMLP__AT_ONCE], w[GMLP__AT_ONCE];
    GMLP__VI e[GMLP__AT_ONCE];
    int v;
    for (v = 0; v < GMLP__AT_ONCE; v++) {
        const GMLP__VF u = GMLP__V_FMA(a[v], p->in_scale, p->in_offset);
        e[v] = GMLP__I_SAR(GMLP__V_AS_INT(u), 23);
        t[v] = GMLP__V_SUB(GMLP__V_MANTISSA(u), GMLP__V_SET1(1.5f));
    }
#ifdef GMLP__D
    GMLP__FN(polynomials)(p, t, w);
#else
    w[0] = GMLP__FN(polynomial)(p, t[0]);
#endif
    for (v = 0; v < GMLP__AT_ONCE; v++) {
        /* masked: inside the table even for NaN */
        const GMLP__VF octave = close ? GMLP__V_LOOK16(p->octave + 112, e[v])
                                      : GMLP__V_GATHER(p->octave, GMLP__I_AND(e[v], GMLP__I_SET1(255)));
        w[v] = GMLP__V_FMA(w[v], octave, p->out_offset);
        y[v] = GMLP__V_LESS(a[v], p->toe_end, GMLP__V_MUL(a[v], p->toe_slope), w[v]);
    }
}

GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(segments)(const gmlp__curve *c, GMLP__VF x) {
    const GMLP__VF a = GMLP__V_MUL(x, GMLP__V_SET1(c->in_scale));
    const GMLP__VF bottom = GMLP__V_SET1(c->bottom);
    /* NaN becomes bottom here: any place inside the table */
    const GMLP__VI bits = GMLP__V_AS_INT(GMLP__V_MIN(GMLP__V_MAX(a, bottom), GMLP__V_SET1(c->top)));
    const GMLP__VI i = GMLP__I_SHL(
        GMLP__I_SUB(GMLP__I_SAR(bits, 23 - GMLP__SEGMENT_BITS), GMLP__I_SET1(c->segment_base)), 2);
    const GMLP__VI place = GMLP__I_AND(GMLP__I_SHL(bits, GMLP__SEGMENT_BITS), GMLP__I_SET1(0x7fffff));
    const GMLP__VF t = GMLP__V_SUB(GMLP__V_AS_FLOAT(GMLP__I_XOR(place, GMLP__I_SET1(0x3f800000))), GMLP__V_SET1(1.5f));
    GMLP__VF y = GMLP__V_GATHER(c->segment + 3, i);
    y = GMLP__V_FMA(y, t, GMLP__V_GATHER(c->segment + 2, i));
    y = GMLP__V_FMA(y, t, GMLP__V_GATHER(c->segment + 1, i));
    y = GMLP__V_FMA(y, t, GMLP__V_GATHER(c->segment, i));
    return GMLP__V_LESS(a, bottom, GMLP__V_MUL(a, GMLP__V_SET1(c->toe_slope)), y);
}

GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(clamped)(GMLP__VF x, float top) {
    return GMLP__V_MIN(GMLP__V_MAX(x, GMLP__V_SET1(0.0f)), GMLP__V_SET1(top));
}

GMLP__TARGET static void GMLP__FN(clamp)(const float *x, float *y, size_t n, float top) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W) GMLP__V_STORE(y + i, GMLP__FN(clamped)(GMLP__V_LOAD(x + i), top));
}

/* Odd; what is beyond any light and infinity stay. NaN becomes one and the same: processors differ
   in which NaN they hand on. */
GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(odd)(GMLP__VF x, GMLP__VF a, GMLP__VF y) {
    const GMLP__VF beyond = GMLP__V_SET1(1.2676506e30f), nan = GMLP__V_AS_FLOAT(GMLP__I_SET1(0x7fc00000));
    return GMLP__V_LESS(a, beyond, GMLP__FN(sign_of)(y, x), GMLP__V_LESS(GMLP__V_SET1(1.0f), a, x, nan));
}

/* x through a POWER curve; close is a constant. */
GMLP__TARGET GMLP__INLINE void GMLP__FN(power_of)(const gmlp__curve *c, const float *x, float *y, size_t n,
                                                  const int unit, const int close) {
    const GMLP__FN(power_terms) p = GMLP__FN(power_load)(c);
    GMLP__VF a[GMLP__AT_ONCE], w[GMLP__AT_ONCE];
    size_t i;
    int v;
    for (i = 0; i < n; i += GMLP__AT_ONCE * GMLP__W, x += GMLP__AT_ONCE * GMLP__W, y += GMLP__AT_ONCE * GMLP__W) {
        for (v = 0; v < GMLP__AT_ONCE; v++) {
            const GMLP__VF in = GMLP__V_LOAD(x + v * GMLP__W);
            a[v] = unit == 1 ? GMLP__FN(clamped)(in, 1.0f) : GMLP__FN(abs)(in);
        }
        GMLP__FN(power)(&p, a, close, w);
        for (v = 0; v < GMLP__AT_ONCE; v++) {
            if (unit == 2) w[v] = GMLP__FN(sign_of)(w[v], GMLP__V_LOAD(x + v * GMLP__W));
            else if (!close && !unit) w[v] = GMLP__FN(odd)(GMLP__V_LOAD(x + v * GMLP__W), a[v], w[v]);
            GMLP__V_STORE(y + v * GMLP__W, w[v]);
        }
    }
}

GMLP__TARGET static void GMLP__FN(curve)(const gmlp__curve *c, const float *x, float *y, size_t n, int unit) {
    size_t i;
    if (c->kind == GMLP_CURVE_POWER) {
        if (GMLP__W > 4 && unit && gmlp__curve_near(c)) GMLP__FN(power_of)(c, x, y, n, unit, 1);
        else GMLP__FN(power_of)(c, x, y, n, unit, 0);
    } else if (c->kind == GMLP_CURVE_SEGMENTS) {
        for (i = 0; i < n; i += GMLP__W) {
            const GMLP__VF v = unit ? GMLP__FN(clamped)(GMLP__V_LOAD(x + i), 1.0f) : GMLP__V_LOAD(x + i);
            const GMLP__VF a = GMLP__FN(abs)(v);
            GMLP__V_STORE(y + i, GMLP__FN(odd)(v, a, GMLP__FN(segments)(c, a)));
        }
    } else if (unit) {
        GMLP__FN(clamp)(x, y, n, 1.0f);
    } else {
        for (i = 0; i < n; i += GMLP__W) {
            const GMLP__VF v = GMLP__V_LOAD(x + i), a = GMLP__FN(abs)(v);
            GMLP__V_STORE(y + i, GMLP__FN(odd)(v, a, a));
        }
    }
}

GMLP__TARGET static void GMLP__FN(matrix)(const float m[9], const float *r, const float *g, const float *b, float *ro,
                                          float *go, float *bo, size_t n) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W) {
        const GMLP__VF x = GMLP__V_LOAD(r + i), y = GMLP__V_LOAD(g + i), z = GMLP__V_LOAD(b + i);
#define GMLP__X(k)                                                                          \
    GMLP__V_FMA(GMLP__V_SET1(m[k]), x, GMLP__V_FMA(GMLP__V_SET1(m[k + 1]), y,               \
                GMLP__V_MUL(GMLP__V_SET1(m[k + 2]), z)))
        GMLP__V_STORE(ro + i, GMLP__X(0));
        GMLP__V_STORE(go + i, GMLP__X(3));
        GMLP__V_STORE(bo + i, GMLP__X(6));
#undef GMLP__X
    }
}

GMLP__TARGET static void GMLP__FN(load8)(const unsigned char *rgb, size_t step, const float *table, float *r, float *g,
                                         float *b, size_t n) {
    size_t i;
#ifdef GMLP__LOOK256
    gmlp__table256 t;
    for (i = 0; i < 16; i++) t.t[i] = GMLP__V_LOAD(table + 16 * i);
    for (i = 0; i < n; i += GMLP__W, rgb += step * GMLP__W) {
        GMLP__V_STORE(r + i, gmlp__look256(&t, GMLP__TAKE8(rgb, step, 0)));
        GMLP__V_STORE(g + i, gmlp__look256(&t, GMLP__TAKE8(rgb, step, 1)));
        GMLP__V_STORE(b + i, gmlp__look256(&t, GMLP__TAKE8(rgb, step, 2)));
    }
#else /* plain loads: faster than gather instructions */
    for (i = 0; i < n; i++, rgb += step) {
        r[i] = table[rgb[0]];
        g[i] = table[rgb[1]];
        b[i] = table[rgb[2]];
    }
#endif
}

GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(share16)(GMLP__VI code) {
    return GMLP__V_MUL(GMLP__V_FROM_INT(code), GMLP__V_SET1(1.0f / 65535.0f));
}

/* The exponent is off by 112 after the shift; the product puts it right for subnormals too. */
GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(from_half)(GMLP__VI h) {
    const GMLP__VI bits = GMLP__I_SHL(GMLP__I_AND(h, GMLP__I_SET1(0x7fff)), 13);
    const GMLP__VF tiny = GMLP__V_AS_FLOAT(bits);
    const GMLP__VF v = GMLP__V_LESS(tiny, GMLP__V_AS_FLOAT(GMLP__I_SET1(0x0f800000)),
                                    GMLP__V_MUL(tiny, GMLP__V_SET1(5.192296858534828e33f)),
                                    GMLP__V_AS_FLOAT(GMLP__I_ADD(bits, GMLP__I_SET1(0x70000000))));
    return GMLP__V_AS_FLOAT(GMLP__I_XOR(GMLP__V_AS_INT(v), GMLP__I_SHL(GMLP__I_AND(h, GMLP__I_SET1(0x8000)), 16)));
}

/* a, within the short float's range, without its sign: 5 bits of exponent and m of mantissa, rounded to nearest even.
   Adding 2^(9 - m) rounds to the step of the subnormal ones. */
#define GMLP__X(name, m)                                                                                             \
    GMLP__TARGET GMLP__INLINE GMLP__VI GMLP__FN(name)(GMLP__VF a) {                                                  \
        const GMLP__VI bits = GMLP__V_AS_INT(a), even = GMLP__I_AND(GMLP__I_SAR(bits, 23 - m), GMLP__I_SET1(1));     \
        const GMLP__VI half = GMLP__I_SET1((1 << (22 - m)) - 1 - 0x38000000), step = GMLP__I_SET1((136 - m) << 23);  \
        const GMLP__VI normal = GMLP__I_SAR(GMLP__I_ADD(GMLP__I_ADD(bits, half), even), 23 - m);                     \
        const GMLP__VI tiny = GMLP__I_SUB(GMLP__V_AS_INT(GMLP__V_ADD(a, GMLP__V_AS_FLOAT(step))), step);             \
        return GMLP__V_AS_INT(GMLP__V_LESS(a, GMLP__V_SET1(6.103515625e-5f), GMLP__V_AS_FLOAT(tiny),                 \
                                           GMLP__V_AS_FLOAT(normal)));                                               \
    }
GMLP__X(short10, 10)
GMLP__X(short6, 6)
GMLP__X(short5, 5)
#undef GMLP__X

/* As gmlp_half_from_float, but for one NaN only. */
GMLP__TARGET GMLP__INLINE GMLP__VI GMLP__FN(to_half)(GMLP__VF v) {
    const GMLP__VF a = GMLP__FN(abs)(v);
    const GMLP__VF other = GMLP__V_LESS(GMLP__V_SET1(1.0f), a, GMLP__V_AS_FLOAT(GMLP__I_SET1(0x7c00)),
                                        GMLP__V_AS_FLOAT(GMLP__I_SET1(0x7e00)));
    const GMLP__VI h = GMLP__V_AS_INT(GMLP__V_LESS(a, GMLP__V_SET1(65520.0f), GMLP__V_AS_FLOAT(GMLP__FN(short10)(a)),
                                                   other));
    return GMLP__I_XOR(h, GMLP__I_AND(GMLP__I_SAR(GMLP__V_AS_INT(v), 16), GMLP__I_SET1(0x8000)));
}

GMLP__TARGET static void GMLP__FN(shorten)(const float *y, int mantissa, int32_t *codes, size_t n) {
    size_t i;
    if (mantissa == 10)
        for (i = 0; i < n; i += GMLP__W) GMLP__I_STORE(codes + i, GMLP__FN(to_half)(GMLP__V_LOAD(y + i)));
    else if (mantissa == 6)
        for (i = 0; i < n; i += GMLP__W)
            GMLP__I_STORE(codes + i, GMLP__FN(short6)(GMLP__FN(clamped)(GMLP__V_LOAD(y + i), 65024.0f)));
    else
        for (i = 0; i < n; i += GMLP__W)
            GMLP__I_STORE(codes + i, GMLP__FN(short5)(GMLP__FN(clamped)(GMLP__V_LOAD(y + i), 64512.0f)));
}

/* floor(v + 0.5): the sum itself could be rounded. */
GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(half_up)(GMLP__VF v) {
    const GMLP__VF whole = GMLP__V_ROUND(v); /* to even */
    return GMLP__V_ADD(whole, GMLP__V_LESS(GMLP__V_SET1(0.49999997f), GMLP__V_SUB(v, whole), GMLP__V_SET1(1.0f),
                                           GMLP__V_SET1(0.0f)));
}

/* The exponent is such that the largest mantissa has 9 bits, also after it was rounded. */
GMLP__TARGET static void GMLP__FN(share_exponent)(const float *y, int32_t *codes, size_t n) {
    const GMLP__VF one = GMLP__V_AS_FLOAT(GMLP__I_SET1(1)), none = GMLP__V_AS_FLOAT(GMLP__I_SET1(0));
    size_t i, c;
    for (i = 0; i < n; i += GMLP__W) {
        GMLP__VF v[3], most = GMLP__V_SET1(1.52587890625e-5f); /* 2^-16 */
        GMLP__VI e, scale;
        for (c = 0; c < 3; c++) {
            v[c] = GMLP__FN(clamped)(GMLP__V_LOAD(y + c * GMLP__PORTION + i), 65408.0f);
            most = GMLP__V_MAX(v[c], most);
        }
        e = GMLP__I_SUB(GMLP__I_SAR(GMLP__V_AS_INT(most), 23), GMLP__I_SET1(127 - 16));
        scale = GMLP__I_SHL(GMLP__I_SUB(GMLP__I_SET1(127 + 24), e), 23);
        e = GMLP__I_ADD(e, GMLP__V_AS_INT(GMLP__V_LESS(
                               GMLP__V_SET1(511.5f), GMLP__FN(half_up)(GMLP__V_MUL(most, GMLP__V_AS_FLOAT(scale))), one,
                               none)));
        scale = GMLP__I_SHL(GMLP__I_SUB(GMLP__I_SET1(127 + 24), e), 23);
        for (c = 0; c < 3; c++)
            GMLP__I_STORE(codes + c * GMLP__PORTION + i,
                          GMLP__V_TO_INT(GMLP__FN(half_up)(GMLP__V_MUL(v[c], GMLP__V_AS_FLOAT(scale)))));
        GMLP__I_STORE(codes + 3 * GMLP__PORTION + i, e);
    }
}

#define GMLP__X(name, convert)                                                                              \
    GMLP__TARGET static void GMLP__FN(name)(const unsigned char *rgb, float *r, float *g, float *b, size_t n) { \
        size_t i;                                                                                           \
        for (i = 0; i < n; i += GMLP__W, rgb += 6 * GMLP__W) {                                              \
            GMLP__V_STORE(r + i, GMLP__FN(convert)(GMLP__FN(take16)(rgb, 0)));                              \
            GMLP__V_STORE(g + i, GMLP__FN(convert)(GMLP__FN(take16)(rgb, 1)));                              \
            GMLP__V_STORE(b + i, GMLP__FN(convert)(GMLP__FN(take16)(rgb, 2)));                              \
        }                                                                                                   \
    }
GMLP__X(load16, share16)
#ifdef GMLP__OWN_DENSE
GMLP__X(load_half, from_half)
#endif
#undef GMLP__X

/* How far v is from the middle between two integers. */
GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(undecided)(GMLP__VF v) {
    return GMLP__V_SUB(GMLP__V_SET1(0.5f), GMLP__FN(abs)(GMLP__V_SUB(v, GMLP__V_ROUND(v))));
}

/* The code by the table: the guess taken down by more than its error is right or one too low. The table's last entry is
   above any light here. */
GMLP__TARGET GMLP__INLINE GMLP__VI GMLP__FN(code8)(GMLP__VF x, GMLP__VF v, const float *table) {
    const GMLP__VF zero = GMLP__V_SET1(0.0f);
    const GMLP__VI code = GMLP__V_TO_INT(GMLP__V_MAX(GMLP__V_SUB(v, GMLP__V_SET1(GMLP__CODE8_ERROR)), zero));
    return GMLP__I_ADD(code, GMLP__V_AS_INT(GMLP__V_LESS(GMLP__FN(clamped)(x, 1e30f), GMLP__V_GATHER(table + 1, code),
                                                         zero, GMLP__V_AS_FLOAT(GMLP__I_SET1(1)))));
}

GMLP__TARGET static void GMLP__FN(quantize8)(const float *x, const float *y, const float *table, float offset,
                                             int32_t *codes, size_t n) {
    const GMLP__VF scale = GMLP__V_SET1(255.0f), shift = GMLP__V_SET1(offset), error = GMLP__V_SET1(GMLP__CODE8_ERROR);
    size_t i;
    for (i = 0; i < n; i += GMLP__W) {
        const GMLP__VF v = GMLP__V_FMA(GMLP__V_LOAD(y + i), scale, shift);
        if (GMLP__V_ANY_LESS(GMLP__FN(undecided)(v), error))
            GMLP__I_STORE(codes + i, GMLP__FN(code8)(GMLP__V_LOAD(x + i), v, table));
        else GMLP__I_STORE(codes + i, GMLP__V_TO_INT(v));
    }
}

GMLP__TARGET static void GMLP__FN(quantize)(const float *y, float last, float offset, int32_t *codes, size_t n) {
    const GMLP__VF scale = GMLP__V_SET1(last), shift = GMLP__V_SET1(offset);
    size_t i;
    for (i = 0; i < n; i += GMLP__W)
        GMLP__I_STORE(codes + i, GMLP__V_TO_INT(GMLP__V_FMA(GMLP__V_LOAD(y + i), scale, shift)));
}

#define GMLP__CODE(k) GMLP__I_LOAD(codes + (k) * GMLP__PORTION + i)
GMLP__TARGET static void GMLP__FN(put8_all)(const int32_t *codes, unsigned char *out, size_t n) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W) GMLP__FN(put8)(out + 3 * i, GMLP__CODE(0), GMLP__CODE(1), GMLP__CODE(2));
}

GMLP__TARGET static void GMLP__FN(put16_all)(const int32_t *codes, unsigned char *out, size_t n) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W) GMLP__FN(put16)(out + 6 * i, GMLP__CODE(0), GMLP__CODE(1), GMLP__CODE(2));
}

GMLP__TARGET GMLP__INLINE GMLP__VI GMLP__FN(code16)(GMLP__VF y, float offset) {
    return GMLP__V_TO_INT(GMLP__V_FMA(y, GMLP__V_SET1(65535.0f), GMLP__V_SET1(offset)));
}

GMLP__TARGET static void GMLP__FN(store16)(const float *y, float offset, unsigned char *out, size_t n) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W, y += GMLP__W)
        GMLP__FN(put16)(out + 6 * i, GMLP__FN(code16)(GMLP__V_LOAD(y), offset),
                        GMLP__FN(code16)(GMLP__V_LOAD(y + GMLP__PORTION), offset),
                        GMLP__FN(code16)(GMLP__V_LOAD(y + 2 * GMLP__PORTION), offset));
}

GMLP__TARGET static void GMLP__FN(put16x4)(const int32_t *codes, unsigned char *out, size_t n) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W)
        GMLP__FN(zip)(out + 8 * i, GMLP__I_XOR(GMLP__CODE(0), GMLP__I_SHL(GMLP__CODE(1), 16)),
                      GMLP__I_XOR(GMLP__CODE(2), GMLP__I_SHL(GMLP__CODE(3), 16)));
}

GMLP__TARGET static void GMLP__FN(put_words)(const int32_t *codes, int step, unsigned char *out, size_t n) {
    const int last = 3 * step < 31 ? 3 * step : 31;
    size_t i;
    for (i = 0; i < n; i += GMLP__W) {
        const GMLP__VI low = GMLP__I_XOR(GMLP__CODE(0), GMLP__I_SHIFT(GMLP__CODE(1), step));
        const GMLP__VI high = GMLP__I_XOR(GMLP__I_SHIFT(GMLP__CODE(2), 2 * step), GMLP__I_SHIFT(GMLP__CODE(3), last));
        GMLP__I_PUT(out + 4 * i, GMLP__I_XOR(low, high));
    }
}
#undef GMLP__CODE

#define GMLP__SHARE(k, c) GMLP__V4_LOAD(shares + (size_t)rgb[(k) * step + (c)] * 4 + 1024 * (c))
#define GMLP__SUM(k) GMLP__V4_ADD(GMLP__V4_ADD(GMLP__SHARE(k, 0), GMLP__SHARE(k, 1)), GMLP__SHARE(k, 2))
#define GMLP__PIXEL(k) \
    GMLP__V4_STORE(to + 3 * (k), GMLP__SUM(k));
GMLP__TARGET static void GMLP__FN(mix8)(const unsigned char *rgb, size_t step, const float *shares, float *r, float *g,
                                        float *b, size_t n) {
    size_t i;
#if GMLP__W == 1
    for (i = 0; i < n; i++, rgb += step) {
        const float *const x = shares + 4 * (size_t)rgb[0], *const y = shares + 4 * (size_t)rgb[1] + 1024,
                    *const z = shares + 4 * (size_t)rgb[2] + 2048;
        r[i] = x[0] + y[0] + z[0];
        g[i] = x[1] + y[1] + z[1];
        b[i] = x[2] + y[2] + z[2];
    }
#else
    for (i = 0; i < n; i += 4, rgb += 4 * step) {
        GMLP__V4 v[4];
        v[0] = GMLP__SUM(0);
        v[1] = GMLP__SUM(1);
        v[2] = GMLP__SUM(2);
        v[3] = GMLP__SUM(3);
        GMLP__FN(spread)(v, r + i, g + i, b + i);
    }
#endif
}

#if GMLP__W > 1 && !defined(GMLP__D) /* elsewhere curves take so long that mix8, curve and store16 are as fast */
/* W pixels are three vectors of light. Their curve is a long chain of operations that wait for each
   other, and the tables keep the load units busy, so one loop does both in small turns: each operation
   on the three vectors, then a pixel of those that come GMLP__W * 3 later. */
GMLP__TARGET static void GMLP__FN(recode)(const unsigned char *rgb, size_t step, const float *shares,
                                          const gmlp__curve *c, float offset, unsigned char *out, size_t n) {
    const GMLP__FN(power_terms) p = GMLP__FN(power_load)(c);
    const GMLP__VF zero = GMLP__V_SET1(0.0f), one = GMLP__V_SET1(1.0f), middle = GMLP__V_SET1(1.5f);
    float ring[4][3 * GMLP__W + 4]; /* a pixel's fourth float is written, too */
    size_t ahead = 0, done = 0, k;
#define GMLP__TURN(k, X) X(0) X(1) X(2) if ((k) * GMLP__W % 16 < GMLP__W) GMLP__PIXEL((k) * GMLP__W / 16)
    for (; ahead < n && ahead < 3 * GMLP__W; ahead += GMLP__W, rgb += GMLP__W * step) {
        float *const to = ring[ahead / GMLP__W & 3];
        for (k = 0; k < GMLP__W; k++) GMLP__PIXEL(k)
    }
    for (; ahead < n; ahead += GMLP__W, rgb += GMLP__W * step, done += GMLP__W, out += 6 * GMLP__W) {
        float *const to = ring[ahead / GMLP__W & 3];
        const float *const from = ring[done / GMLP__W & 3];
        /* as power and code16 */
#define GMLP__X(i) GMLP__VF a##i = GMLP__V_MAX(GMLP__V_LOAD(from + i * GMLP__W), zero), t##i, y##i;
        GMLP__TURN(0, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) a##i = GMLP__V_MIN(a##i, one);
        GMLP__TURN(1, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) t##i = GMLP__V_MANTISSA(a##i);
        GMLP__TURN(2, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) t##i = GMLP__V_SUB(t##i, middle);
        GMLP__TURN(3, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_FMA(p.t7, t##i, p.t6);
        GMLP__TURN(4, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_FMA(y##i, t##i, p.t5);
        GMLP__TURN(5, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_FMA(y##i, t##i, p.t4);
        GMLP__TURN(6, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_FMA(y##i, t##i, p.t3);
        GMLP__TURN(7, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_FMA(y##i, t##i, p.t2);
        GMLP__TURN(8, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_FMA(y##i, t##i, p.t1);
        GMLP__TURN(9, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_FMA(y##i, t##i, p.t0);
        GMLP__TURN(10, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) t##i = GMLP__V_LOOK16(p.octave + 112, GMLP__I_SAR(GMLP__V_AS_INT(a##i), 23));
        GMLP__TURN(11, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_FMA(y##i, t##i, p.out_offset);
        GMLP__TURN(12, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) t##i = GMLP__V_MUL(a##i, p.toe_slope);
        GMLP__TURN(13, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) y##i = GMLP__V_LESS(a##i, p.toe_end, t##i, y##i);
        GMLP__TURN(14, GMLP__X)
#undef GMLP__X
#define GMLP__X(i) GMLP__FN(narrow)(out + 2 * i * GMLP__W, GMLP__FN(code16)(y##i, offset));
        GMLP__TURN(15, GMLP__X)
#undef GMLP__X
    }
#undef GMLP__TURN
    for (; done < n; done += GMLP__W, out += 6 * GMLP__W)
        for (k = 0; k < 3 * GMLP__W; k += GMLP__W) {
            GMLP__VF a = GMLP__FN(clamped)(GMLP__V_LOAD(ring[done / GMLP__W & 3] + k), 1.0f);
            GMLP__FN(power)(&p, &a, 1, &a);
            GMLP__FN(narrow)(out + 2 * k, GMLP__FN(code16)(a, offset));
        }
}
#define GMLP__RECODE GMLP__FN(recode)
#else
#define GMLP__RECODE NULL
#endif
#undef GMLP__PIXEL
#undef GMLP__SUM
#undef GMLP__SHARE

GMLP__TARGET static size_t GMLP__FN(saturated)(const unsigned char *rgb, int channels, size_t n, int margin,
                                               uint32_t *index) {
    size_t i, k, count = 0;
    for (i = 0; i + 16 <= n; i += 16, rgb += 16 * channels) {
        uint64_t close = (uint64_t)GMLP__FN(near16)(rgb, margin) | (uint64_t)GMLP__FN(near16)(rgb + 16, margin) << 16;
        close |= (uint64_t)GMLP__FN(near16)(rgb + 32, margin) << 32;
        if (channels == 4) close = (close | (uint64_t)GMLP__FN(near16)(rgb + 48, margin) << 48) & 0x7777777777777777u;
        if (!close) continue;
        close |= close >> 1 | close >> 2;
        /* without a branch: in saturated areas nothing could predict one */
        for (k = 0; k < 16; k++, close >>= channels) {
            const unsigned char *p = rgb + k * (size_t)channels;
            index[count] = (uint32_t)(i + k);
            count += (size_t)(close & 1) & (size_t)((p[0] | p[1] | p[2]) != 0) & (size_t)((p[0] & p[1] & p[2]) != 255);
        }
    }
    for (; i < n; i++, rgb += channels) {
        index[count] = (uint32_t)i;
        count += (size_t)gmlp__saturated(rgb, margin);
    }
    return count;
}

/* Kernels of >>encoding and >>mlp. */

/* sin(pi a), |a| < 2^22. Odd polynomial on [-1/2, 1/2], largest absolute error 4e-9 before
   rounding (least squares iterated towards minimax). */
GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(sinpi)(GMLP__VF a) {
    const GMLP__VF n = GMLP__V_ROUND(a), r = GMLP__V_SUB(a, n), s = GMLP__V_MUL(r, r);
    GMLP__VF p = GMLP__V_SET1(0.077220127f);
    p = GMLP__V_FMA(p, s, GMLP__V_SET1(-0.59804517f));
    p = GMLP__V_FMA(p, s, GMLP__V_SET1(2.55003142f));
    p = GMLP__V_FMA(p, s, GMLP__V_SET1(-5.16770697f));
    p = GMLP__V_FMA(p, s, GMLP__V_SET1(3.1415925f));
    p = GMLP__V_MUL(p, r);
    return GMLP__V_AS_FLOAT(GMLP__I_XOR(GMLP__V_AS_INT(p), GMLP__I_SHL(GMLP__V_TO_INT(n), 31)));
}

GMLP__TARGET static void GMLP__FN(encode)(float m, size_t frequencies, float *f) {
    const GMLP__VF x = GMLP__V_SET1(m);
    size_t j;
    for (j = 0; j < 2 * frequencies; j += GMLP__W)
        GMLP__V_STORE(
            f + j, GMLP__FN(sinpi)(GMLP__V_FMA(x, GMLP__V_LOAD(gmlp__frequency + j), GMLP__V_LOAD(gmlp__phase + j))));
}

#ifdef GMLP__OWN_DENSE
/* JFIF's matrix, that of ITU-R BT.601, in 31 bits behind the point: factors are sums of 16 and 16 bits, so that all
   products and sums but the last are exact, fused or not. */
GMLP__TARGET static void GMLP__FN(from_ycc)(const unsigned char *ycc, size_t step, float *r, float *g, float *b,
                                            size_t n) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W, ycc += GMLP__W * step) {
#ifdef GMLP__TAKE8
        const GMLP__VI code[3] = {GMLP__TAKE8(ycc, step, 0), GMLP__TAKE8(ycc, step, 1), GMLP__TAKE8(ycc, step, 2)};
#define GMLP__X(c) GMLP__V_FROM_INT(code[c])
#else
        float code[3][GMLP__W];
        size_t j;
        for (j = 0; j < GMLP__W; j++) {
            code[0][j] = (float)ycc[j * step];
            code[1][j] = (float)ycc[j * step + 1];
            code[2][j] = (float)ycc[j * step + 2];
        }
#define GMLP__X(c) GMLP__V_LOAD(code[c])
#endif
        const GMLP__VF y = GMLP__X(0), u = GMLP__V_SUB(GMLP__X(1), GMLP__V_SET1(128.0f)),
                       v = GMLP__V_SUB(GMLP__X(2), GMLP__V_SET1(128.0f));
#undef GMLP__X
#define GMLP__HIGH(x, k) GMLP__V_MUL(x, GMLP__V_SET1((float)(k) / 32768.0f))
#define GMLP__LOW(x, k) GMLP__V_MUL(x, GMLP__V_SET1((float)(k) / 2147483648.0f))
#define GMLP__Y(high, low) GMLP__V_MUL(GMLP__V_ADD(GMLP__V_ADD(y, high), low), GMLP__V_SET1(1.0f / 255.0f))
        GMLP__V_STORE(r + i, GMLP__Y(GMLP__HIGH(v, 45941), GMLP__LOW(v, -17302)));
        GMLP__V_STORE(g + i, GMLP__Y(GMLP__V_ADD(GMLP__HIGH(u, -11277), GMLP__HIGH(v, -23401)),
                                       GMLP__V_ADD(GMLP__LOW(u, 22425), GMLP__LOW(v, 11939))));
        GMLP__V_STORE(b + i, GMLP__Y(GMLP__HIGH(u, 58065), GMLP__LOW(u, -6816)));
#undef GMLP__Y
#undef GMLP__LOW
#undef GMLP__HIGH
    }
}

/* One tile of C: GMLP__ROWS_COUNT rows, one or two vectors wide (two is a constant). */
GMLP__TARGET GMLP__INLINE void GMLP__FN(gemm_tile)(const gmlp__gemm *g, size_t r, size_t n, const int two) {
    const float *a = g->a + r * g->a_row, *b = g->b + n;
    float *c = g->c + r * g->c_row + n;
    const size_t a_row = g->a_row, c_row = g->c_row, left = g->rows - r;
    const GMLP__VF zero = GMLP__V_SET1(0.0f);
    size_t k;
#define GMLP__X(i) GMLP__VF p##i = zero, q##i = zero;
    GMLP__ROWS(GMLP__X)
#undef GMLP__X
#ifndef GMLP_DECODE_ONLY
    if (g->mode == GMLP__GEMM_ADD) {
#define GMLP__X(i)                                                      \
    if (i < left) {                                                     \
        p##i = GMLP__V_LOAD(c + i * c_row);                             \
        if (two) q##i = GMLP__V_LOAD(c + i * c_row + GMLP__W);          \
    }
        GMLP__ROWS(GMLP__X)
#undef GMLP__X
    } else
#endif
    if (g->init) {
        const GMLP__VF p = GMLP__V_LOAD(g->init + n), q = two ? GMLP__V_LOAD(g->init + n + GMLP__W) : zero;
#define GMLP__X(i) p##i = p; q##i = q;
        GMLP__ROWS(GMLP__X)
#undef GMLP__X
    }
    for (k = 0; k < g->k; k++) {
        const GMLP__VF b0 = GMLP__V_LOAD(b), b1 = two ? GMLP__V_LOAD(b + GMLP__W) : zero;
#define GMLP__X(i)                                                      \
    {                                                                   \
        const GMLP__VF s = GMLP__V_SET1(a[i * a_row]);                  \
        p##i = GMLP__V_FMA(s, b0, p##i);                                \
        if (two) q##i = GMLP__V_FMA(s, b1, q##i);                       \
    }
        GMLP__ROWS(GMLP__X)
#undef GMLP__X
        a += g->a_k;
        b += g->b_k;
    }
    if (g->mode == GMLP__GEMM_RELU) {
#define GMLP__X(i) p##i = GMLP__V_MAX(p##i, zero); q##i = GMLP__V_MAX(q##i, zero);
        GMLP__ROWS(GMLP__X)
#undef GMLP__X
    }
#ifndef GMLP_DECODE_ONLY
    if (g->mode == GMLP__GEMM_MASK) {
        const float *m = g->mask + r * c_row + n;
#define GMLP__X(i)                                                                              \
    if (i < left) {                                                                             \
        p##i = GMLP__V_LESS(zero, GMLP__V_LOAD(m + i * c_row), p##i, zero);                     \
        if (two) q##i = GMLP__V_LESS(zero, GMLP__V_LOAD(m + i * c_row + GMLP__W), q##i, zero);  \
    }
        GMLP__ROWS(GMLP__X)
#undef GMLP__X
    }
#endif
#define GMLP__X(i)                                                      \
    if (i < left) {                                                     \
        GMLP__V_STORE(c + i * c_row, p##i);                             \
        if (two) GMLP__V_STORE(c + i * c_row + GMLP__W, q##i);          \
    }
    GMLP__ROWS(GMLP__X)
#undef GMLP__X
}

GMLP__TARGET static void GMLP__FN(gemm)(const gmlp__gemm *g) {
    size_t n, r;
    for (n = 0; n + 2 * GMLP__W <= g->cols; n += 2 * GMLP__W)
        for (r = 0; r < g->rows; r += GMLP__ROWS_COUNT) GMLP__FN(gemm_tile)(g, r, n, 1);
    if (16 % (2 * GMLP__W) && n < g->cols)
        for (r = 0; r < g->rows; r += GMLP__ROWS_COUNT) GMLP__FN(gemm_tile)(g, r, n, 0);
}

/* Eight rows, four lanes: few enough that no sum waits for the one before it. C alone gains nothing by several. */
#if GMLP__W > 1
#define GMLP__TOGETHER(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define GMLP__TOGETHER_COUNT 8
#else
#define GMLP__TOGETHER(X) X(0)
#define GMLP__TOGETHER_COUNT 1
#endif
GMLP__TARGET static void GMLP__FN(outputs)(const float *h, size_t wide, const float *w, size_t depth, const float *bias,
                                           float *out, size_t n) {
    const size_t rows = GMLP__TOGETHER_COUNT;
    size_t r, k;
    for (r = 0; r < n; r += rows, h += rows * wide, out += rows * 16) {
        const GMLP__V4 b = GMLP__V4_LOAD(bias);
#define GMLP__X(i) GMLP__V4 s##i = b;
        GMLP__TOGETHER(GMLP__X)
#undef GMLP__X
        for (k = 0; k < depth; k++) {
            const GMLP__V4 c = GMLP__V4_LOAD(w + 16 * k);
#define GMLP__X(i) s##i = GMLP__V4_FMA(h[i * wide + k], c, s##i);
            GMLP__TOGETHER(GMLP__X)
#undef GMLP__X
        }
#define GMLP__X(i) GMLP__V4_STORE(out + 16 * i, s##i);
        GMLP__TOGETHER(GMLP__X)
#undef GMLP__X
    }
}
#undef GMLP__TOGETHER
#undef GMLP__TOGETHER_COUNT

GMLP__TARGET static void GMLP__FN(system_gamma)(const gmlp__curve *c, float *r, float *g, float *b, size_t n) {
    const GMLP__FN(power_terms) p = GMLP__FN(power_load)(c);
    const GMLP__VF zero = GMLP__V_SET1(0.0f);
    GMLP__VF light[GMLP__AT_ONCE], gain[GMLP__AT_ONCE];
    size_t i, j;
    int v;
    for (i = 0; i < n; i += GMLP__AT_ONCE * GMLP__W) {
        for (v = 0, j = i; v < GMLP__AT_ONCE; v++, j += GMLP__W) {
            const GMLP__VF x = GMLP__V_LOAD(r + j), y = GMLP__V_LOAD(g + j), z = GMLP__V_LOAD(b + j);
            light[v] = GMLP__V_FMA(GMLP__V_SET1(0.2627f), x, GMLP__V_FMA(GMLP__V_SET1(0.6780f), y,
                                   GMLP__V_MUL(GMLP__V_SET1(0.0593f), z)));
            light[v] = GMLP__V_MAX(light[v], zero);
        }
        GMLP__FN(power)(&p, light, 0, gain);
        for (v = 0, j = i; v < GMLP__AT_ONCE; v++, j += GMLP__W) {
            gain[v] = GMLP__V_LESS(zero, light[v], gain[v], zero);
            GMLP__V_STORE(r + j, GMLP__V_MUL(GMLP__V_LOAD(r + j), gain[v]));
            GMLP__V_STORE(g + j, GMLP__V_MUL(GMLP__V_LOAD(g + j), gain[v]));
            GMLP__V_STORE(b + j, GMLP__V_MUL(GMLP__V_LOAD(b + j), gain[v]));
        }
    }
}

GMLP__TARGET static void GMLP__FN(near_ends)(const float *r, const float *g, const float *b, float margin, float *flag,
                                             size_t n) {
    const GMLP__VF one = GMLP__V_SET1(1.0f), zero = GMLP__V_SET1(0.0f), half = GMLP__V_SET1(0.5f / 255.0f),
                   white = GMLP__V_SET1(254.5f / 255.0f), low = GMLP__V_SET1(margin),
                   high = GMLP__V_SET1(1.0f - margin);
    size_t i;
    for (i = 0; i < n; i += GMLP__W) {
        const GMLP__VF x = GMLP__V_LOAD(r + i), y = GMLP__V_LOAD(g + i), z = GMLP__V_LOAD(b + i);
        const GMLP__VF least = GMLP__V_MIN(GMLP__V_MIN(x, y), z), most = GMLP__V_MAX(GMLP__V_MAX(x, y), z);
        GMLP__VF f = GMLP__V_LESS(low, least, GMLP__V_LESS(most, high, zero, one), one);
        f = GMLP__V_LESS(half, most, f, zero);
        GMLP__V_STORE(flag + i, GMLP__V_LESS(least, white, f, zero));
    }
}

/* 16 pixels at a time into 16-bit sums, 128 times at most, which fills 15 bits. */
GMLP__TARGET static uint32_t GMLP__FN(sum_codes)(const unsigned char *codes, int channels, size_t n) {
    static const unsigned char none[16] = {0};
    const size_t step = (size_t)channels;
    GMLP__VI all = GMLP__I_SET1(0);
    int32_t lane[GMLP__W], weight[GMLP__W];
    uint16_t s[64];
    uint32_t sum = 0, r = 0, g = 0, b = 0;
    size_t i, turns;
    while (n >= 16 && GMLP__W > 1) {
        turns = n / 16 < 128 ? n / 16 : 128;
        n -= 16 * turns;
        memset(s, 0, sizeof s);
        for (; turns; turns--, codes += 16 * step) {
            GMLP__FN(add16)(s, codes, none);
            GMLP__FN(add16)(s + 16, codes + 16, none);
            GMLP__FN(add16)(s + 32, codes + 32, none);
            if (step == 4) GMLP__FN(add16)(s + 48, codes + 48, none);
        }
        for (i = 0; i < 64; i += 2 * GMLP__W) {
            memcpy(lane, s + i, sizeof lane);
            memcpy(weight, gmlp__luma[step - 3] + i, sizeof weight);
            all = GMLP__P_DOT(all, GMLP__I_LOAD(lane), GMLP__I_LOAD(weight));
        }
    }
    GMLP__I_STORE(lane, all);
    for (i = 0; i < GMLP__W; i++) sum += (uint32_t)lane[i];
    for (; n; n--, codes += step) {
        r += codes[0];
        g += codes[1];
        b += codes[2];
    }
    return sum + 54 * r + 183 * g + 19 * b;
}

GMLP__TARGET static void GMLP__FN(sine)(float *x, float *c, size_t n) {
    const GMLP__VF limit = GMLP__V_SET1(1048576.0f), low = GMLP__V_SET1(-1048576.0f); /* tames hostile weights */
    size_t j;
    for (j = 0; j < n; j += GMLP__W) {
        GMLP__VF a = GMLP__V_MUL(GMLP__V_LOAD(x + j), GMLP__V_SET1(0.318309886f));
        a = GMLP__V_MIN(GMLP__V_MAX(a, low), limit);
        GMLP__V_STORE(x + j, GMLP__FN(sinpi)(a));
        if (c) GMLP__V_STORE(c + j, GMLP__FN(sinpi)(GMLP__V_ADD(a, GMLP__V_SET1(0.5f))));
    }
}
#endif

/* Compiled for each number of windows, and for the widths of the presets that are decoded most. */
GMLP__TARGET GMLP__INLINE void GMLP__FN(look_up_of)(const gmlp__fixed *f, const int windows, const size_t pairs,
                                                    const int32_t *line, const uint32_t *index,
                                                    const unsigned char *codes,
                                                    const int32_t *const means[GMLP_WINDOWS], size_t n, int32_t *h) {
    const int32_t *const columns = f->columns, *const table = f->codes, *const m = means[0], *const o = means[1];
    size_t k, j;
    for (k = 0; k < n; k++, codes += 3, h += pairs) {
        const int32_t *const t = columns + index[k] * pairs;
        uint16_t a[4] = {0}, b[4] = {0};
        if (windows > 0) memcpy(a, m + 2 * k, 8);
        if (windows > 1) memcpy(b, o + 2 * k, 8);
        for (j = 0; j < pairs; j += GMLP__W) {
#define GMLP__X(i, v) GMLP__I_LOAD(table + ((i) * 256 + (size_t)(v)) * pairs + j)
            GMLP__VI x = GMLP__P_ADD(GMLP__I_LOAD(line + j), GMLP__I_LOAD(t + j));
            x = GMLP__P_ADD(x,
                            GMLP__P_ADD(GMLP__P_ADD(GMLP__X(0, codes[0]), GMLP__X(1, codes[1])), GMLP__X(2, codes[2])));
            if (windows > 0)
                x = GMLP__P_ADD(x, GMLP__P_ADD(GMLP__P_ADD(GMLP__X(3, a[0]), GMLP__X(4, a[1])), GMLP__X(5, a[2])));
            if (windows > 1)
                x = GMLP__P_ADD(x, GMLP__P_ADD(GMLP__P_ADD(GMLP__X(6, b[0]), GMLP__X(7, b[1])), GMLP__X(8, b[2])));
#undef GMLP__X
            GMLP__I_STORE(h + j, GMLP__P_RELU(x));
        }
    }
}
GMLP__TARGET static void GMLP__FN(look_up)(const gmlp__fixed *f, const int32_t *line, const uint32_t *index,
                                           const unsigned char *codes, const int32_t *const means[GMLP_WINDOWS],
                                           size_t n, int32_t *h) {
    if (GMLP__W > 1 && f->windows == 2 && f->pairs == 16)
        GMLP__FN(look_up_of)(f, 2, 16, line, index, codes, means, n, h);
#ifndef GMLP_DECODE_ONLY
    else if (GMLP__W > 1 && f->windows == 2) GMLP__FN(look_up_of)(f, 2, f->pairs, line, index, codes, means, n, h);
#endif
    else GMLP__FN(look_up_of)(f, f->windows, f->pairs, line, index, codes, means, n, h);
}

/* Pixels in lanes, two vectors of them; a few neurons of the second layer at a time, which go into the third at
   once. */
GMLP__TARGET static void GMLP__FN(finish)(const gmlp__fixed *f, const int32_t *h, size_t n, float *const out[3]) {
    const size_t pairs = f->pairs;
    const GMLP__VI zero = GMLP__I_SET1(0), low = GMLP__I_SET1(0xffff), high = GMLP__I_XOR(low, GMLP__I_SET1(-1));
    GMLP__VI in[GMLP_MAX_WIDTH / 2][2], t[4];
    size_t i, j, k, v;
    int c;
    for (i = 0; i < n; i += 2 * GMLP__W) {
        GMLP__VI s0 = zero, s1 = zero, s2 = zero, r0 = zero, r1 = zero, r2 = zero;
        const int32_t *w3 = f->w3;
        for (v = 0; v < 2; v++, h += GMLP__W * pairs)
            for (k = 0; k < pairs; k += 4) {
                GMLP__FN(turn)(h + k, pairs, t);
                for (c = 0; c < 4; c++) in[k + (size_t)c][v] = t[c];
            }
        for (j = 0; j < 2 * pairs; j += GMLP__TILE_COUNT) {
            const int32_t *w2 = f->w2 + j / 8 * 8 * pairs + j % 8;
#define GMLP__X(a, b, m)                                                                                            \
    GMLP__VI p##a = GMLP__I_SET1(f->b2[j + a]), p##b = GMLP__I_SET1(f->b2[j + b]), q##a = p##a, q##b = p##b;
            GMLP__TILE(GMLP__X)
#undef GMLP__X
            for (k = 0; k < pairs; k++, w2 += 8) {
                const GMLP__VI x = in[k][0], y = in[k][1];
#define GMLP__X(a, b, m)                                                                                            \
    {                                                                                                               \
        const GMLP__VI w = GMLP__I_SET1(w2[a]), u = GMLP__I_SET1(w2[b]);                                             \
        p##a = GMLP__P_DOT(p##a, x, w);                                                                             \
        q##a = GMLP__P_DOT(q##a, y, w);                                                                             \
        p##b = GMLP__P_DOT(p##b, x, u);                                                                             \
        q##b = GMLP__P_DOT(q##b, y, u);                                                                             \
    }
                GMLP__TILE(GMLP__X)
#undef GMLP__X
            }
#define GMLP__X(a, b, m) \
    { \
        const GMLP__VI x = GMLP__P_RELU( \
            GMLP__I_XOR(GMLP__I_AND(GMLP__I_SAR(p##a, 16), low), GMLP__I_AND(p##b, high))); \
        const GMLP__VI y = GMLP__P_RELU( \
            GMLP__I_XOR(GMLP__I_AND(GMLP__I_SAR(q##a, 16), low), GMLP__I_AND(q##b, high))); \
        s0 = GMLP__P_DOT(s0, x, GMLP__I_SET1(w3[3 * m])); \
        r0 = GMLP__P_DOT(r0, y, GMLP__I_SET1(w3[3 * m])); \
        s1 = GMLP__P_DOT(s1, x, GMLP__I_SET1(w3[3 * m + 1])); \
        r1 = GMLP__P_DOT(r1, y, GMLP__I_SET1(w3[3 * m + 1])); \
        s2 = GMLP__P_DOT(s2, x, GMLP__I_SET1(w3[3 * m + 2])); \
        r2 = GMLP__P_DOT(r2, y, GMLP__I_SET1(w3[3 * m + 2])); \
    }
            GMLP__TILE(GMLP__X)
#undef GMLP__X
            w3 += 3 * GMLP__TILE_COUNT / 2;
        }
#define GMLP__X(c) \
    GMLP__V_STORE(out[c] + i, \
                  GMLP__V_FMA(GMLP__V_FROM_INT(s##c), GMLP__V_SET1(f->scale[c]), GMLP__V_SET1(f->bias[c]))); \
    GMLP__V_STORE(out[c] + i + GMLP__W, \
                  GMLP__V_FMA(GMLP__V_FROM_INT(r##c), GMLP__V_SET1(f->scale[c]), GMLP__V_SET1(f->bias[c])));
        GMLP__X(0) GMLP__X(1) GMLP__X(2)
#undef GMLP__X
    }
}

GMLP__TARGET static void GMLP__FN(divide)(int32_t *x, uint32_t half, uint32_t factor, uint32_t last, size_t n) {
    const GMLP__VI a = GMLP__I_SET1(half * 0x10001u), b = GMLP__I_SET1(factor * 0x10001u),
                   c = GMLP__I_SET1(last * 0x10001u);
    size_t i;
    for (i = 0; i < n; i += GMLP__W)
        GMLP__I_STORE(x + i, GMLP__P_MULHI(GMLP__P_MULHI(GMLP__P_ADD(GMLP__I_LOAD(x + i), a), b), c));
}

GMLP__TARGET static void GMLP__FN(add_codes)(uint16_t *sum, const unsigned char *in, const unsigned char *out,
                                             size_t n) {
    static const unsigned char none[16] = {0};
    size_t i;
    for (i = 0; i + 16 <= n; i += 16) GMLP__FN(add16)(sum + i, in + i, out ? out + i : none);
    for (; i < n; i++) sum[i] = (uint16_t)(sum[i] + in[i] - (out ? out[i] : 0));
}

GMLP__TARGET static void GMLP__FN(correct)(const float *x, float *p, size_t n) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W)
        GMLP__V_STORE(p + i, GMLP__FN(clamped)(GMLP__V_ADD(GMLP__V_LOAD(p + i), GMLP__V_LOAD(x + i)), 1.0f));
}

#ifndef GMLP_DECODE_ONLY
/* Kernels of >>gamut and >>train. */

GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(flag_outside)(GMLP__VF r, GMLP__VF g, GMLP__VF b) {
    const GMLP__VF low = GMLP__V_SET1(-GMLP__GAMUT_TOLERANCE), high = GMLP__V_SET1(1.0f + GMLP__GAMUT_TOLERANCE);
    const GMLP__VF zero = GMLP__V_SET1(0.0f), one = GMLP__V_SET1(1.0f);
    GMLP__VF in = GMLP__V_LESS(r, high, GMLP__V_LESS(low, r, one, zero), zero); /* NaN is not */
    in = GMLP__V_LESS(g, high, GMLP__V_LESS(low, g, in, zero), zero);
    in = GMLP__V_LESS(b, high, GMLP__V_LESS(low, b, in, zero), zero);
    return GMLP__V_SUB(one, in);
}

GMLP__TARGET GMLP__INLINE GMLP__VF GMLP__FN(flag_out_of_gamut)(GMLP__VF r, GMLP__VF g, GMLP__VF b) {
    const GMLP__VF zero = GMLP__V_SET1(0.0f), one = GMLP__V_SET1(1.0f);
    const GMLP__VF least = GMLP__V_MIN(r, GMLP__V_MIN(g, b)), most = GMLP__V_MAX(r, GMLP__V_MAX(g, b));
    /* all below 0, or all above 1: not by the paper's rule */
    return GMLP__V_LESS(most, zero, zero, GMLP__V_LESS(one, least, zero, GMLP__FN(flag_outside)(r, g, b)));
}

#define GMLP__X(name)                                                                                            \
    GMLP__TARGET static float GMLP__FN(name)(const float *r, const float *g, const float *b, float *flag, size_t n) { \
        GMLP__VF sum = GMLP__V_SET1(0.0f);                                                                       \
        float lane[GMLP__W], total = 0.0f;                                                                       \
        size_t i;                                                                                                \
        for (i = 0; i < n; i += GMLP__W) {                                                                       \
            const GMLP__VF f = GMLP__FN(flag_##name)(GMLP__V_LOAD(r + i), GMLP__V_LOAD(g + i), GMLP__V_LOAD(b + i)); \
            GMLP__V_STORE(flag + i, f);                                                                          \
            sum = GMLP__V_ADD(sum, f);                                                                           \
        }                                                                                                        \
        GMLP__V_STORE(lane, sum);                                                                                \
        for (i = 0; i < GMLP__W; i++) total += lane[i]; /* small integers: exact in any order */                 \
        return total;                                                                                            \
    }
GMLP__X(outside)
GMLP__X(out_of_gamut)
#undef GMLP__X

GMLP__TARGET static void GMLP__FN(gather)(const float *const *table, const uint32_t *size,
                                          const uint32_t (*at)[GMLP_INPUTS], size_t inputs, size_t n, float *f,
                                          size_t f_row) {
    size_t k, i, j;
    for (i = 0; i < inputs; f += size[i++])
        for (j = 0; j < size[i]; j += GMLP__W)
            for (k = 0; k < n; k++)
                GMLP__V_STORE(f + k * f_row + j, GMLP__V_LOAD(table[i] + (size_t)at[k][i] * size[i] + j));
}

GMLP__TARGET static void GMLP__FN(scale)(float *x, const float *y, size_t n) {
    size_t j;
    for (j = 0; j < n; j += GMLP__W) GMLP__V_STORE(x + j, GMLP__V_MUL(GMLP__V_LOAD(x + j), GMLP__V_LOAD(y + j)));
}

GMLP__TARGET static void GMLP__FN(add)(float *x, const float *y, size_t n) {
    size_t j;
    for (j = 0; j < n; j += GMLP__W) GMLP__V_STORE(x + j, GMLP__V_ADD(GMLP__V_LOAD(x + j), GMLP__V_LOAD(y + j)));
}

GMLP__TARGET static void GMLP__FN(error)(const float *x, const float *y, float factor, float *d, size_t n) {
    const GMLP__VF f = GMLP__V_SET1(factor);
    size_t j;
    for (j = 0; j < n; j += GMLP__W)
        GMLP__V_STORE(d + j, GMLP__V_MUL(f, GMLP__V_SUB(GMLP__V_LOAD(x + j), GMLP__V_LOAD(y + j))));
}

GMLP__TARGET static void GMLP__FN(columns)(const float *d, size_t rows, size_t cols, float *sum) {
    size_t r, j;
    for (j = 0; j < cols; j += GMLP__W) {
        GMLP__VF s = GMLP__V_LOAD(sum + j);
        for (r = 0; r < rows; r++) s = GMLP__V_ADD(s, GMLP__V_LOAD(d + r * cols + j));
        GMLP__V_STORE(sum + j, s);
    }
}

GMLP__TARGET static void GMLP__FN(adam)(const float *k, const float *g, float *w, float *m, float *v, size_t n) {
    const GMLP__VF b1 = GMLP__V_SET1(k[0]), c1 = GMLP__V_SET1(k[1]), b2 = GMLP__V_SET1(k[2]), c2 = GMLP__V_SET1(k[3]);
    const GMLP__VF step = GMLP__V_SET1(k[4]), root = GMLP__V_SET1(k[5]), epsilon = GMLP__V_SET1(k[6]);
    const GMLP__VF zero = GMLP__V_SET1(0.0f), tiny = GMLP__V_SET1(1e-30f);
    size_t j;
    for (j = 0; j < n; j += GMLP__W) {
        const GMLP__VF gj = GMLP__V_LOAD(g + j);
        GMLP__VF mj = GMLP__V_FMA(b1, GMLP__V_LOAD(m + j), GMLP__V_MUL(c1, gj));
        GMLP__VF vj = GMLP__V_FMA(b2, GMLP__V_LOAD(v + j), GMLP__V_MUL(GMLP__V_MUL(c2, gj), gj));
        /* moments of weights without a gradient would decay into denormals, which are slow */
        mj = GMLP__V_LESS(GMLP__V_MAX(mj, GMLP__V_SUB(zero, mj)), tiny, zero, mj);
        vj = GMLP__V_LESS(vj, tiny, zero, vj);
        const GMLP__VF d = GMLP__V_FMA(GMLP__V_SQRT(vj), root, epsilon);
        GMLP__V_STORE(m + j, mj);
        GMLP__V_STORE(v + j, vj);
        GMLP__V_STORE(w + j, GMLP__V_FMA(step, GMLP__V_DIV(mj, d), GMLP__V_LOAD(w + j)));
    }
}

GMLP__TARGET static void GMLP__FN(momentum)(float factor, const float *g, float *m, float *u, size_t n) {
    const GMLP__VF f = GMLP__V_SET1(factor);
    size_t j;
    for (j = 0; j < n; j += GMLP__W) {
        const GMLP__VF gj = GMLP__V_LOAD(g + j), mj = GMLP__V_FMA(f, GMLP__V_LOAD(m + j), gj);
        GMLP__V_STORE(m + j, mj);
        GMLP__V_STORE(u + j, GMLP__V_FMA(f, mj, gj));
    }
}

GMLP__TARGET static void GMLP__FN(times)(float factor, const float *x, float *y, size_t n) {
    const GMLP__VF f = GMLP__V_SET1(factor);
    size_t j;
    for (j = 0; j < n; j += GMLP__W) GMLP__V_STORE(y + j, GMLP__V_MUL(f, GMLP__V_LOAD(x + j)));
}

GMLP__TARGET static void GMLP__FN(add_times)(float factor, const float *x, float *y, size_t n) {
    const GMLP__VF f = GMLP__V_SET1(factor);
    size_t j;
    for (j = 0; j < n; j += GMLP__W) GMLP__V_STORE(y + j, GMLP__V_FMA(f, GMLP__V_LOAD(x + j), GMLP__V_LOAD(y + j)));
}

GMLP__TARGET static void GMLP__FN(to_steps)(float step, float limit, const float *x, float *y, size_t n) {
    const GMLP__VF s = GMLP__V_SET1(step), most = GMLP__V_SET1(limit), least = GMLP__V_SET1(-limit),
                   zero = GMLP__V_SET1(0.0f);
    size_t j;
    for (j = 0; j < n; j += GMLP__W) {
        const GMLP__VF q = GMLP__V_MIN(GMLP__V_MAX(GMLP__V_DIV(GMLP__V_LOAD(x + j), s), least), most);
        GMLP__V_STORE(y + j, GMLP__V_MUL(GMLP__V_ADD(GMLP__V_ROUND(q), zero), s)); /* + 0: no -0 */
    }
}
#endif /* GMLP_DECODE_ONLY */

#ifndef GMLP_NO_LETNET
/* Kernels of >>letnet. */

/* GMLP__ROWS_COUNT pixels of a row, one or two vectors of them (two is a constant). */
GMLP__TARGET GMLP__INLINE void GMLP__FN(conv_tile)(const gmlp__conv *v, size_t y, size_t x, size_t n, const int two) {
    const float *w = v->weights + n;
    const size_t depth = v->depth, cols = v->cols, left = v->width - x;
    float *out = v->out + (y * v->row + x) * cols + n;
    const GMLP__VF zero = GMLP__V_SET1(0.0f);
    size_t tap, k;
#define GMLP__X(i) GMLP__VF p##i = zero, q##i = zero;
    GMLP__ROWS(GMLP__X)
#undef GMLP__X
    if (v->bias) {
        const GMLP__VF p = GMLP__V_LOAD(v->bias + n), q = two ? GMLP__V_LOAD(v->bias + n + GMLP__W) : zero;
#define GMLP__X(i) p##i = p; q##i = q;
        GMLP__ROWS(GMLP__X)
#undef GMLP__X
    }
    for (tap = 0; tap < 3; tap++) {
        const float *a = v->in + ((y + tap) * v->row + x) * depth;
        for (k = 0; k < 3 * depth; k++, a++, w += cols) {
            const GMLP__VF w0 = GMLP__V_LOAD(w), w1 = two ? GMLP__V_LOAD(w + GMLP__W) : zero;
#define GMLP__X(i)                                                      \
    {                                                                   \
        const GMLP__VF s = GMLP__V_SET1(a[i * depth]);                  \
        p##i = GMLP__V_FMA(s, w0, p##i);                                \
        if (two) q##i = GMLP__V_FMA(s, w1, q##i);                       \
    }
            GMLP__ROWS(GMLP__X)
#undef GMLP__X
        }
    }
#define GMLP__X(i)                                                      \
    if (i < left) {                                                     \
        GMLP__V_STORE(out + i * cols, p##i);                            \
        if (two) GMLP__V_STORE(out + i * cols + GMLP__W, q##i);         \
    }
    GMLP__ROWS(GMLP__X)
#undef GMLP__X
}

GMLP__TARGET static void GMLP__FN(conv)(const gmlp__conv *v) {
    size_t x, y, n;
    for (y = 0; y < v->height; y++) {
        for (n = 0; n + 2 * GMLP__W <= v->cols; n += 2 * GMLP__W)
            for (x = 0; x < v->width; x += GMLP__ROWS_COUNT) GMLP__FN(conv_tile)(v, y, x, n, 1);
        if (16 % (2 * GMLP__W) && n < v->cols)
            for (x = 0; x < v->width; x += GMLP__ROWS_COUNT) GMLP__FN(conv_tile)(v, y, x, n, 0);
    }
}

/* 1 - 2 / (exp(2 x) + 1); the exponential from its series between -1/2 and 1/2. */
GMLP__TARGET static void GMLP__FN(squash)(const float *x, const float *y, float *out, size_t n) {
    const GMLP__VF most = GMLP__V_SET1(9.0f), least = GMLP__V_SET1(-9.0f), one = GMLP__V_SET1(1.0f),
                   two = GMLP__V_SET1(2.0f), factor = GMLP__V_SET1(2.88539008f), zero = GMLP__V_SET1(0.0f);
    size_t i;
    for (i = 0; i < n; i += GMLP__W) {
        const GMLP__VF sum = y ? GMLP__V_ADD(GMLP__V_LOAD(x + i), GMLP__V_LOAD(y + i)) : GMLP__V_LOAD(x + i);
        const GMLP__VF a = GMLP__V_MIN(GMLP__V_MAX(sum, least), most), k = GMLP__V_ROUND(GMLP__V_MUL(a, factor));
        const GMLP__VF f = GMLP__V_FMA(a, factor, GMLP__V_SUB(zero, k));
        GMLP__VF e = GMLP__V_SET1(0.000154035304f);
        e = GMLP__V_FMA(e, f, GMLP__V_SET1(0.00133335581f));
        e = GMLP__V_FMA(e, f, GMLP__V_SET1(0.00961812911f));
        e = GMLP__V_FMA(e, f, GMLP__V_SET1(0.0555041087f));
        e = GMLP__V_FMA(e, f, GMLP__V_SET1(0.240226507f));
        e = GMLP__V_FMA(e, f, GMLP__V_SET1(0.693147181f));
        e = GMLP__V_FMA(e, f, one);
        e = GMLP__V_AS_FLOAT(GMLP__I_ADD(GMLP__V_AS_INT(e), GMLP__I_SHL(GMLP__V_TO_INT(k), 23)));
        GMLP__V_STORE(out + i, GMLP__V_SUB(one, GMLP__V_DIV(two, GMLP__V_ADD(e, one))));
    }
}

GMLP__TARGET static void GMLP__FN(gate)(const float *s, const float *u, const float *x, float *out, size_t pixels,
                                        size_t c) {
    size_t i, j;
    for (i = 0; i < pixels; i++, u += c, x += c, out += c)
        for (j = 0; j < c; j += GMLP__W)
            GMLP__V_STORE(out + j, GMLP__V_FMA(GMLP__V_LOAD(s + j), GMLP__V_LOAD(u + j), GMLP__V_LOAD(x + j)));
}

GMLP__TARGET static void GMLP__FN(subtract)(const float *x, const float *y, float *out, size_t n) {
    size_t i;
    for (i = 0; i < n; i += GMLP__W)
        GMLP__V_STORE(out + i, GMLP__V_SUB(GMLP__V_LOAD(x + i), GMLP__V_LOAD(y + i)));
}

GMLP__TARGET static void GMLP__FN(dot)(const float *x, const float *y, float lane[64], size_t n) {
    size_t i, j;
    for (j = 0; j < 64; j += 16) { /* four sums of 16 lanes, so that none waits long for the one before it */
        GMLP__VF s[16 / GMLP__W];
        size_t k;
        for (k = 0; k < 16 / GMLP__W; k++) s[k] = GMLP__V_SET1(0.0f);
        for (i = j; i < n; i += 64)
            for (k = 0; k < 16 / GMLP__W; k++)
                s[k] = GMLP__V_FMA(GMLP__V_LOAD(x + i + k * GMLP__W), GMLP__V_LOAD(y + i + k * GMLP__W), s[k]);
        for (k = 0; k < 16 / GMLP__W; k++) GMLP__V_STORE(lane + j + k * GMLP__W, s[k]);
    }
}

GMLP__TARGET static void GMLP__FN(blend)(const float *const *x, const float *alpha, size_t count, float *out,
                                         size_t n) {
    size_t i, k;
    for (i = 0; i < n; i += GMLP__W) {
        GMLP__VF s = GMLP__V_SET1(0.0f);
        for (k = 0; k < count; k++) s = GMLP__V_FMA(GMLP__V_SET1(alpha[k]), GMLP__V_LOAD(x[k] + i), s);
        GMLP__V_STORE(out + i, s);
    }
}

#ifndef GMLP_DECODE_ONLY
GMLP__TARGET static void GMLP__FN(squash_back)(const float *y, float *d, size_t n) {
    const GMLP__VF zero = GMLP__V_SET1(0.0f), one = GMLP__V_SET1(1.0f);
    size_t i;
    for (i = 0; i < n; i += GMLP__W) {
        const GMLP__VF t = GMLP__V_LOAD(y + i);
        GMLP__V_STORE(d + i, GMLP__V_MUL(GMLP__V_LOAD(d + i), GMLP__V_FMA(GMLP__V_SUB(zero, t), t, one)));
    }
}
#endif

static const gmlp__letnet_kernels GMLP__FN(letnet_kernels) = {
    GMLP__FN(conv), GMLP__FN(squash), GMLP__FN(gate), GMLP__FN(subtract), GMLP__FN(dot), GMLP__FN(blend),
#ifndef GMLP_DECODE_ONLY
    GMLP__FN(squash_back)
#endif
};
#endif /* GMLP_NO_LETNET */

/* The sum of the pass. */
static const gmlp__kernels GMLP__FN(kernels) = {
    GMLP__FN(curve), GMLP__FN(clamp), GMLP__FN(matrix), GMLP__DENSE(system_gamma), GMLP__FN(load8), GMLP__FN(load16),
    GMLP__DENSE(load_half), GMLP__FN(mix8), GMLP__DENSE(from_ycc), GMLP__RECODE, GMLP__FN(quantize8),
    GMLP__FN(quantize), GMLP__FN(shorten), GMLP__FN(share_exponent), GMLP__FN(put8_all), GMLP__FN(put16_all),
    GMLP__FN(store16), GMLP__FN(put16x4), GMLP__FN(put_words),
    GMLP__FN(saturated), GMLP__DENSE(near_ends), GMLP__DENSE(gemm), GMLP__DENSE(outputs), GMLP__FN(encode),
    GMLP__FN(look_up), GMLP__FN(finish),
    GMLP__FN(add_codes), GMLP__DENSE(sum_codes), GMLP__FN(divide), GMLP__DENSE(sine), GMLP__FN(correct),
#ifndef GMLP_DECODE_ONLY
    GMLP__FN(outside), GMLP__FN(out_of_gamut), GMLP__FN(gather), GMLP__FN(scale), GMLP__FN(add), GMLP__FN(error),
    GMLP__FN(columns), GMLP__FN(adam), GMLP__FN(momentum), GMLP__FN(times), GMLP__FN(add_times), GMLP__FN(to_steps)
#endif
};

#undef GMLP__DENSE
#undef GMLP__OWN_DENSE
#undef GMLP__FN
#undef GMLP__TARGET
#undef GMLP__W
#undef GMLP__VF
#undef GMLP__VI
#undef GMLP__V_LOAD
#undef GMLP__V_STORE
#undef GMLP__V_SET1
#undef GMLP__V_ADD
#undef GMLP__V_SUB
#undef GMLP__V_MUL
#undef GMLP__V_DIV
#undef GMLP__V_SQRT
#undef GMLP__V_MAX
#undef GMLP__V_MIN
#undef GMLP__V_FMA
#undef GMLP__V_ROUND
#undef GMLP__V_LESS
#undef GMLP__V_GATHER
#undef GMLP__V_TO_INT
#undef GMLP__V_FROM_INT
#undef GMLP__V_AS_INT
#undef GMLP__V_AS_FLOAT
#undef GMLP__V_MANTISSA
#undef GMLP__I_LOAD
#undef GMLP__I_SET1
#undef GMLP__I_ADD
#undef GMLP__I_SUB
#undef GMLP__I_AND
#undef GMLP__I_XOR
#undef GMLP__I_SHL
#undef GMLP__I_SAR
#undef GMLP__I_SHIFT
#undef GMLP__I_STORE
#undef GMLP__I_PUT
#undef GMLP__P_ADD
#undef GMLP__P_MULHI
#undef GMLP__P_RELU
#undef GMLP__P_DOT
#undef GMLP__TILE
#undef GMLP__TILE_COUNT
#undef GMLP__V4
#undef GMLP__V4_LOAD
#undef GMLP__V4_STORE
#undef GMLP__V4_ADD
#undef GMLP__V4_FMA
#undef GMLP__D
#undef GMLP__D_LOWER
#undef GMLP__D_UPPER
#undef GMLP__D_ADD
#undef GMLP__D_SUB
#undef GMLP__D_MUL
#undef GMLP__D_FLOATS
#undef GMLP__D_WORDS
#undef GMLP__I_OR
#undef GMLP__I_EQUAL
#undef GMLP__I_LEAST
#undef GMLP__I_ANY
#undef GMLP__BETWEEN
#undef GMLP__NO
#undef GMLP__NONE
#undef GMLP__UP_TO
#undef GMLP__AT_ONCE
#undef GMLP__POWER
#undef GMLP__LOOK256
#undef GMLP__TAKE8
#undef GMLP__V_LOOK16
#undef GMLP__V_ANY_LESS
#undef GMLP__ROWS
#undef GMLP__ROWS_COUNT
#undef GMLP__RECODE
#endif /* GMLP__PASS */

/* ---------------------------------------------------------------------------------------
   MIT License

   Copyright (c) 2026 the gamutmlp authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of this
   software and associated documentation files (the "Software"), to deal in the Software
   without restriction, including without limitation the rights to use, copy, modify, merge,
   publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons
   to whom the Software is furnished to do so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all copies or
   substantial portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
   INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR
   PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
   FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
   DEALINGS IN THE SOFTWARE.
*/
