/* Helper of readers.sh.

      readers stb IN.jpg OUT.png          a JPEG as stb_image reads it
      readers size PICTURE                its width and height
      readers compare A B                 PSNR of the 8-bit codes in dB, and the largest difference of a code

   Pictures are PNG or PPM. Exit status 1: a picture cannot be read or written, or the sizes differ. */
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#include <math.h>

typedef struct picture {
    int width, height;
    unsigned char *codes;
} picture;

static picture load(const char *name) {
    picture p;
    int channels;
    p.codes = stbi_load(name, &p.width, &p.height, &channels, 3);
    if (p.codes) return p;
    fprintf(stderr, "readers: %s: %s\n", name, stbi_failure_reason());
    exit(1);
}

static int compare(const picture *a, const picture *b) {
    const size_t n = (size_t)a->width * (size_t)a->height * 3;
    double sum = 0;
    int most = 0;
    if (a->width != b->width || a->height != b->height) {
        fprintf(stderr, "readers: %d x %d and %d x %d\n", a->width, a->height, b->width, b->height);
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        const int d = abs(a->codes[i] - b->codes[i]);
        sum += d * d;
        if (d > most) most = d;
    }
    if (most) printf("%.2f %d\n", 10 * log10(255.0 * 255 * (double)n / sum), most);
    else printf("equal 0\n");
    return 0;
}

int main(int argc, char **argv) {
    picture a, b;
    if (argc == 3 && !strcmp(argv[1], "size")) {
        a = load(argv[2]);
        printf("%d %d\n", a.width, a.height);
        return 0;
    }
    if (argc == 4 && !strcmp(argv[1], "stb")) {
        a = load(argv[2]);
        return !stbi_write_png(argv[3], a.width, a.height, 3, a.codes, 0);
    }
    if (argc == 4 && !strcmp(argv[1], "compare")) {
        a = load(argv[2]);
        b = load(argv[3]);
        return compare(&a, &b);
    }
    fprintf(stderr, "readers stb IN.jpg OUT.png\nreaders size PICTURE\nreaders compare A B\n");
    return 2;
}
