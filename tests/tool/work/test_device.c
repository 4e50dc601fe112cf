/* --device, with a GPU that is none: what it is asked to decode the CPU does, or it fails when it is told to. */
#define GAMUTMLP_WITH_CUDA
#include "work/device.c"
#undef fail /* cmocka has another one */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "work/stream.h"

#include "../../synthetic.h"

struct gmlp_cuda {
    gmlp_device table;
};
static gmlp_result on_start, on_rows; /* how these end */
static int rows_calls, fails_at;      /* of decoder_rows; the call that on_rows is for */
static int open_now;

static gmlp_result fake_open(void *user, const gmlp_image *base, const gmlp_image *wide, gmlp_image *seen_base,
                             gmlp_image *seen_wide, void **work) {
    (void)user, (void)base, (void)wide, (void)seen_base, (void)seen_wide;
    *work = NULL;
    return GMLP_E_DEVICE_MEMORY;
}
static gmlp_result fake_decoder_create(void *user, const gmlp_decoder *decoder, void **handle) {
    (void)user;
    memcpy(handle, &decoder, sizeof decoder);
    return GMLP_OK;
}
static gmlp_result fake_rows(void *handle, const gmlp_image *base, uint32_t base_x, uint32_t base_y,
                             const gmlp_image *out, uint32_t x, uint32_t y) {
    if (++rows_calls == fails_at) return on_rows;
    return gmlp_decoder_rows((const gmlp_decoder *)handle, base, base_x, base_y, out, x, y, NULL);
}
static void fake_decoder_free(void *handle) { (void)handle; }

gmlp_result gmlp_cuda_create(const gmlp_cuda_opts *opts, gmlp_cuda **cuda) {
    assert_int_equal(opts->ordinal, 0);
    assert_null(opts->stream);
    strcpy(opts->error, on_start == GMLP_E_DRIVER ? "cudaErrorOfTheStart" : "");
    *cuda = NULL;
    if (on_start) return on_start;
    *cuda = (gmlp_cuda *)calloc(1, sizeof **cuda);
    assert_non_null(*cuda);
    (*cuda)->table.open = fake_open;
    (*cuda)->table.decoder_create = fake_decoder_create;
    (*cuda)->table.decoder_rows = fake_rows;
    (*cuda)->table.decoder_free = fake_decoder_free;
    open_now++;
    return GMLP_OK;
}
void gmlp_cuda_free(gmlp_cuda *cuda) {
    open_now -= cuda != NULL;
    free(cuda);
}
const gmlp_device *gmlp_cuda_device(const gmlp_cuda *cuda) { return &cuda->table; }
const char *gmlp_cuda_error(const gmlp_cuda *cuda) { return cuda ? "cudaErrorOfTheTest" : ""; }

static device chosen(int choice) {
    device d;
    memset(&d, 0, sizeof d);
    d.choice = choice;
    on_start = on_rows = GMLP_OK;
    rows_calls = fails_at = 0;
    return d;
}

static void json_is(const device *d, const char *want) {
    char text[512] = "";
    FILE *file = tmpfile();
    json j;
    assert_non_null(file);
    json_begin(&j, file);
    device_json(d, &j);
    json_end(&j);
    rewind(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_string_equal(text, want);
}

static void choices(void **state) {
    device d = chosen(DEVICE_AUTO);
    (void)state;
    assert_null(device_contradiction(&d));
    assert_int_equal(device_open(&d, "test"), 0);
    assert_non_null(device_table(&d));
    json_is(&d, "{\n  \"device\": \"gpu\",\n  \"device_note\": null\n}\n");
    device_close(&d);
    assert_int_equal(open_now, 0);

    d = chosen(DEVICE_AUTO);
    on_start = GMLP_E_DRIVER;
    assert_int_equal(device_open(&d, "test"), 0);
    assert_null(device_table(&d));
    json_is(&d, "{\n  \"device\": \"cpu\",\n  \"device_note\": \"the device's driver is missing or older than this "
                "program needs (cudaErrorOfTheStart)\"\n}\n");
    device_close(&d);

    d = chosen(DEVICE_GPU);
    on_start = GMLP_E_NO_DEVICE;
    assert_null(device_contradiction(&d));
    assert_int_equal(device_open(&d, "test"), 1);

    d = chosen(DEVICE_CPU);
    assert_int_equal(device_open(&d, "test"), 0);
    assert_null(device_table(&d));
    json_is(&d, "{\n  \"device\": \"cpu\",\n  \"device_note\": null\n}\n");

    d = chosen(DEVICE_AUTO);
    device_only_cpu(&d, "because");
    assert_int_equal(device_open(&d, "test"), 0);
    assert_int_equal(open_now, 0);
    json_is(&d, "{\n  \"device\": \"cpu\",\n  \"device_note\": \"because\"\n}\n");
}

enum { WIDTH = 40, HEIGHT = 300 }; /* higher than a GPU's band */

typedef struct pictures {
    uint16_t original[WIDTH * HEIGHT * 3];
    uint8_t codes[WIDTH * HEIGHT * 3];
    gmlp_image wide, base;
    gmlp_net net;
} pictures;

static gmlp_image view_of(void *data, int type, int space) {
    gmlp_image image;
    memset(&image, 0, sizeof image);
    image.data = data;
    image.width = WIDTH;
    image.height = HEIGHT;
    image.type = type;
    image.space = space;
    return image;
}

static gmlp_result train(device *d, pictures *p, gmlp_net *net) {
    gmlp_train_opts opts;
    memset(&opts, 0, sizeof opts);
    opts.iterations = 10;
    return device_train(d, gmlp_train, &p->base, &p->wide, &opts, net, NULL);
}

static pictures *pictures_make(void) {
    pictures *p = (pictures *)malloc(sizeof *p);
    device d = chosen(DEVICE_CPU);
    assert_non_null(p);
    test_picture(p->original, WIDTH, HEIGHT, 1);
    p->wide = view_of(p->original, GMLP_U16, GMLP_PROPHOTO);
    p->base = view_of(p->codes, GMLP_U8, GMLP_SRGB);
    assert_int_equal(gmlp_reduce(&p->wide, &p->base, NULL, NULL), GMLP_OK);
    assert_int_equal(train(&d, p, &p->net), GMLP_OK);
    return p;
}

static void pictures_free(pictures *p) {
    gmlp_net_free(&p->net);
    free(p);
}

static void training_falls_back(void **state) {
    pictures *p = pictures_make();
    device d = chosen(DEVICE_AUTO);
    gmlp_net net;
    char words[400];
    (void)state;
    assert_int_equal(device_open(&d, "test"), 0);
    assert_int_equal(train(&d, p, &net), GMLP_OK);
    assert_memory_equal(net.weights, p->net.weights, gmlp_mlp_weights(&net.mlp) * sizeof(float));
    gmlp_net_free(&net);
    assert_null(device_table(&d));
    assert_int_equal(open_now, 0);
    json_is(&d, "{\n  \"device\": \"cpu\",\n  \"device_note\": \"the device is out of memory (cudaErrorOfTheTest)\"\n}\n");

    d = chosen(DEVICE_GPU);
    assert_int_equal(device_open(&d, "test"), 0);
    assert_int_equal(train(&d, p, &net), GMLP_E_DEVICE_MEMORY);
    assert_string_equal(device_words(&d, GMLP_E_DEVICE_MEMORY, words),
                        "the device is out of memory (cudaErrorOfTheTest)");
    device_close(&d);

    /* What is no failure of the GPU's is none that the CPU could mend. */
    d = chosen(DEVICE_AUTO);
    assert_int_equal(device_open(&d, "test"), 0);
    p->base.height--;
    assert_int_equal(train(&d, p, &net), GMLP_E_ARGUMENT);
    assert_non_null(device_table(&d));
    assert_string_equal(device_words(&d, GMLP_E_ARGUMENT, words), gmlp_result_string(GMLP_E_ARGUMENT));
    device_close(&d);
    pictures_free(p);
}

static void decoding_falls_back(void **state) {
    static const int choice[] = { DEVICE_GPU, DEVICE_AUTO, DEVICE_AUTO };
    static uint16_t want[WIDTH * HEIGHT * 3], got[WIDTH * HEIGHT * 3];
    pictures *p = pictures_make();
    gmlp_image out = view_of(want, GMLP_U16, GMLP_PROPHOTO);
    (void)state;
    assert_int_equal(gmlp_decode(&p->net, &p->base, &out, NULL), GMLP_OK);
    out.data = got;
    for (int i = 0; i < 3; i++) {
        device d = chosen(choice[i]);
        gmlp_decode_opts opts;
        memset(&opts, 0, sizeof opts);
        memset(got, 0, sizeof got);
        assert_int_equal(device_open(&d, "test"), 0);
        on_rows = GMLP_E_DEVICE;
        fails_at = i == 2;
        assert_int_equal(device_decode(&d, &p->net, &p->base, &out, &opts), GMLP_OK);
        assert_memory_equal(got, want, sizeof got);
        assert_int_equal(rows_calls, 1);
        assert_int_equal(device_table(&d) != NULL, i < 2);
        device_close(&d);
    }
    pictures_free(p);
}

/* Rows of a file, streaming or whole. */
typedef struct taken {
    uint16_t pixels[WIDTH * HEIGHT * 4];
    size_t row, rows;
} taken;

static int take_rows(void *user, const void *rows, uint32_t count, char error[256]) {
    taken *t = (taken *)user;
    (void)error;
    memcpy((uint8_t *)t->pixels + t->rows * t->row, rows, count * t->row);
    t->rows += count;
    return 0;
}

/* alpha: NULL, or a code a pixel. */
static int run(const pictures *p, const uint8_t *alpha, const device *d, rectangle crop, taken *t, gmlp_result *verdict,
               char error[256]) {
    gmlp_decoder_opts opts;
    picture_write_opts write;
    gmlp_decoder *decoder;
    uint8_t *file;
    size_t size;
    stream s;
    int bad;
    memset(&opts, 0, sizeof opts);
    memset(&write, 0, sizeof write);
    memset(&s, 0, sizeof s);
    memset(t, 0, sizeof *t);
    t->row = (size_t)crop.width * (alpha ? 8 : 6);
    write.alpha = alpha;
    opts.x = crop.x;
    opts.width = crop.width;
    assert_int_equal(picture_encode_memory(GMLP_CONTAINER_PNG, &p->base, &write, &file, &size, error), 0);
    assert_int_equal(gmlp_decoder_create(&p->net, GMLP_U16, GMLP_PROPHOTO, &opts, &decoder), GMLP_OK);
    s.rows = picture_rows_open(file, size, "test.png", GMLP_SRGB, &s.width, &s.height, error);
    assert_non_null(s.rows);
    s.name = "test.png";
    s.crop = crop;
    s.decoder = decoder;
    s.device = d;
    s.net = &p->net;
    s.type = GMLP_U16;
    s.channels = alpha ? picture_rows_alpha(s.rows) : 3;
    s.workers = pool_create(1);
    s.write = take_rows;
    s.user = t;
    bad = stream_run(&s, error);
    *verdict = s.verdict;
    pool_free(s.workers);
    picture_rows_close(s.rows);
    gmlp_decoder_free(decoder);
    free(file);
    return bad;
}

static void whole_pictures(void **state) {
    static const rectangle crops[] = { { 0, 0, WIDTH, HEIGHT }, { 3, 20, 30, 270 }, { 39, 299, 1, 1 } };
    static taken want, got;
    static uint8_t shares[WIDTH * HEIGHT];
    pictures *p = pictures_make();
    device d = chosen(DEVICE_GPU);
    gmlp_result verdict, verdict_there;
    char error[256];
    (void)state;
    for (size_t i = 0; i < sizeof shares; i++) shares[i] = (uint8_t)(i * 7);
    assert_int_equal(device_open(&d, "test"), 0);
    for (int other = 0; other < 2; other++) {
        for (int k = 0; k < 6; k++) {
            const uint8_t *alpha = k < 3 ? NULL : shares;
            const int i = k % 3;
            rows_calls = 0;
            assert_int_equal(run(p, alpha, NULL, crops[i], &want, &verdict, error), 0);
            assert_int_equal(rows_calls, 0);
            assert_int_equal(run(p, alpha, &d, crops[i], &got, &verdict_there, error), 0);
            assert_int_equal(rows_calls, (crops[i].height + 255) / 256);
            assert_int_equal(verdict, other ? GMLP_E_OTHER_PICTURE : GMLP_OK);
            assert_int_equal(verdict_there, verdict);
            assert_int_equal(got.rows, crops[i].height);
            assert_memory_equal(&got, &want, sizeof got);
            if (alpha) assert_int_equal(got.pixels[3], shares[crops[i].y * WIDTH + crops[i].x] * 257);
        }
        memset(p->codes, 77, sizeof p->codes / 2);
    }
    rows_calls = 0;
    fails_at = 2;
    on_rows = GMLP_E_DEVICE;
    assert_int_equal(run(p, NULL, &d, crops[0], &got, &verdict, error), -1);
    assert_string_equal(error, "test.png: the device failed (cudaErrorOfTheTest)");
    device_close(&d);
    assert_int_equal(open_now, 0);
    pictures_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(choices), cmocka_unit_test(training_falls_back),
                                        cmocka_unit_test(decoding_falls_back), cmocka_unit_test(whole_pictures) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
