/* JPEG files: quality and subsampling, kinds, damage. */
#include "made.h"

#include <jpeglib.h>

static void jpeg_there_and_back(void **state) {
    gmlp_image image = smooth_image(50, 40);
    picture_write_opts opts = { 0, 0 };
    size_t sizes[3], i;
    (void)state;
    for (i = 0; i < 3; i++) {
        uint8_t *bytes;
        picture back;
        char error[256];
        opts.quality = i == 2 ? 50 : 0;
        opts.subsample = i == 1;
        assert_int_equal(picture_encode_memory(GMLP_CONTAINER_JPEG, &image, &opts, &bytes, &sizes[i], error), 0);
        assert_int_equal(picture_read_memory(bytes, sizes[i], "x", GMLP_SPACE_NONE, &back, error), 0);
        assert_string_equal(back.space_from, "ICC profile");
        assert_int_equal(back.image.space, GMLP_SRGB);
        assert_int_equal(back.image.type, GMLP_U8);
        assert_true(largest_difference(&image, &back.image) <= (i == 2 ? 24 : 6));
        picture_free(&back);
        free(bytes);
    }
    assert_true(sizes[1] < sizes[0] && sizes[2] < sizes[1]);
    free(image.data);
}

static void jpeg_kinds(void **state) {
    static const J_COLOR_SPACE spaces[] = { JCS_GRAYSCALE, JCS_CMYK };
    int i;
    (void)state;
    for (i = 0; i < 2; i++) {
        struct jpeg_compress_struct j;
        struct jpeg_error_mgr errors;
        unsigned char *bytes = NULL, row[8 * 4];
        unsigned long size = 0;
        JSAMPROW pointer = row;
        picture p;
        char error[256];
        memset(row, 128, sizeof row);
        j.err = jpeg_std_error(&errors);
        jpeg_create_compress(&j);
        jpeg_mem_dest(&j, &bytes, &size);
        j.image_width = 8;
        j.image_height = 3;
        j.input_components = i ? 4 : 1;
        j.in_color_space = spaces[i];
        jpeg_set_defaults(&j);
        jpeg_simple_progression(&j);
        jpeg_start_compress(&j, TRUE);
        while (j.next_scanline < j.image_height) jpeg_write_scanlines(&j, &pointer, 1);
        jpeg_finish_compress(&j);
        jpeg_destroy_compress(&j);
        if (i) {
            assert_int_equal(picture_read_memory(bytes, size, "x", 0, &p, error), -1);
            assert_non_null(strstr(error, "CMYK"));
        } else {
            assert_int_equal(picture_read_memory(bytes, size, "x", 0, &p, error), 0);
            assert_int_equal(((uint8_t *)p.image.data)[71], 128);
            assert_string_equal(p.space_from, "assumed");
            picture_free(&p);
        }
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_there_and_back),
        cmocka_unit_test(jpeg_kinds),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
