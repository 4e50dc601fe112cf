#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "shell/args.h"
#include "shell/files.h"
#include "shell/messages.h"
#include "work/carried.h"

/* Are these the pixels that the network was trained on? 0, or -1 and a text. */
static int check(const carried *c, const char *in, const char *network, char error[256]) {
    gmlp_image base;
    gmlp_result status = GMLP_OK;
    const int bad = carried_pixels(c, in, &base, error);
    if (!bad) status = gmlp_net_check(&c->net, &base);
    free(base.data);
    if (status) error_text(error, network, "is not the network of %s: %s", in, gmlp_result_string(status));
    return bad || status ? -1 : 0;
}

static int write_with(const carried *c, const char *out, char error[256]) {
    const size_t size = gmlp_blob_size(&c->net);
    uint8_t *blob = (uint8_t *)malloc(size);
    gmlp_embed_opts opts;
    gmlp_error why;
    gmlp_result status;
    output o;
    size_t n = 0;
    memset(&opts, 0, sizeof opts);
    memset(&why, 0, sizeof why);
    opts.leave_untagged = c->net.base_space != GMLP_SRGB && c->net.base_space != GMLP_SYCC;
    if (!blob || gmlp_blob_write(&c->net, blob, size, &n)) {
        free(blob);
        error_text(error, out, "out of memory");
        return -1;
    }
    if (output_open(&o, out, error)) {
        free(blob);
        return -1;
    }
    status = gmlp_embed(c->bytes, c->size, blob, n, &opts, output_writer(&o), &why);
    free(blob);
    if (!status || status == GMLP_E_WRITE) return output_commit(&o, error); /* knows why a write failed */
    error_text(error, out, "%s", why.text ? why.text : gmlp_result_string(status));
    output_discard(&o);
    return -1;
}

int cmd_embed(int argc, char **argv) {
    int force = 0, status, bad;
    const args_option options[] = {
        { "--force", ARG_FLAG, &force, NULL, "also where the pixels are others or cannot be read; OUT may be IN", 0,
          0 },
        { NULL, 0, NULL, NULL, NULL, 0, 0 }
    };
    const args_command command = {
        "embed", "IN NETWORK.gmlp OUT",
        "Writes the JPEG, PNG or KTX2 picture IN with the network in its metadata, which 'gamutmlp extract'\n"
        "took out of a file with the same pixels. All else in the file stays as it is. With --force also a\n"
        "KTX2 of blocks that are not read here, for whose decoded pixels the network was trained.",
        "  gamutmlp embed saved_without.jpg photo.jpg.gmlp photo.jpg", options, 3, NULL
    };
    const char *names[3];
    char error[256];
    carried c;
    status = args_parse(&command, argc, argv, names);
    if (status != ARGS_GO_ON) return status;
    files_forced(force);
    bad = carried_open_with(names[0], names[1], &c, error) ||
          carried_names_agree(c.container, names[0], names[2], error) ||
          (!force && check(&c, names[0], names[1], error)) || write_with(&c, names[2], error);
    carried_free(&c);
    return bad ? fail("embed", "%s", error) : 0;
}
