/* The subcommands. argv[0] is the subcommand's name; the result is the program's exit status:
   0 done, 1 the work failed, 2 wrong usage. Each lives in the file of its name. */
#ifndef COMMANDS_H
#define COMMANDS_H

int cmd_encode(int argc, char **argv);
int cmd_decode(int argc, char **argv);
int cmd_embed(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_strip(int argc, char **argv);
int cmd_transcode(int argc, char **argv);
int cmd_hdr_encode(int argc, char **argv);
int cmd_hdr_decode(int argc, char **argv);
int cmd_extract(int argc, char **argv);
int cmd_expand(int argc, char **argv);
int cmd_expand_train(int argc, char **argv);
int cmd_meta_train(int argc, char **argv);
int cmd_bench(int argc, char **argv);

#endif
