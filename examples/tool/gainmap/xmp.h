/* XML as far as XMP goes: tags, attributes and the text before a tag; entities stay as they are. */
#ifndef XMP_H
#define XMP_H

#include "gainmap/segments.h"

#define RDF_URI "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#define HDRGM_URI "http://ns.adobe.com/hdr-gain-map/1.0/"
#define APPLE_MAP_URI "http://ns.apple.com/HDRGainMap/1.0/"
#define APPLE_MAP_TYPE "urn:com:apple:photo:2020:aux:hdrgainmap"
#define CONTAINER_URI "http://ns.google.com/photos/1.0/container/"
#define ITEM_URI "http://ns.google.com/photos/1.0/container/item/"

#define PACKET_BEGIN "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>" \
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"" RDF_URI "\">"
#define PACKET_END "</rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>"
#define DESCRIPTION "<rdf:Description rdf:about=\"\" xmlns:rdf=\"" RDF_URI "\" xmlns:hdrgm=\"" HDRGM_URI "\" "

typedef struct slice {
    const char *p;
    size_t n;
} slice;

int slice_equals(slice s, const char *text);
int slice_starts(slice s, const char *text);
int slice_contains(slice s, const char *text);
int slice_real(slice s, double *v);     /* 1 if it is a finite number */
int slice_length(slice s, size_t *v);   /* 1 if it is digits that fit */

slice xmp_packet_of(const uint8_t *file, const segment *s); /* which IS_XMP */
size_t xmp_offset(const uint8_t *file, slice s);

typedef struct tag {
    slice name, attributes, before;
    const char *start;
    int closes, empty; /* </name>; <name/> */
} tag;

/* These move rest behind what they found; 0 if there is no more. */
int xmp_next_tag(slice *rest, tag *t);
int xmp_next_attribute(slice *rest, slice *name, slice *value);

/* The prefix that a packet gives a namespace; n is 0 if it does not use it. */
slice xmp_prefix_of(slice packet, const char *uri);
/* name without prefix and colon, empty if the prefix is another. */
slice xmp_local_name(slice name, slice prefix);
/* Of RDF's own names there are few enough to go without their prefix. */
int xmp_is_rdf(slice name, const char *local);

/* Does the packet say anything? */
int xmp_has_properties(slice packet);

/* The properties of one namespace, whether attributes or elements; a list gives its values one by one. List items
   that are no values, the resources of a directory, are told as they begin. */
typedef struct properties {
    slice rest, prefix, attributes, open;
    int listed; /* values of the open element */
} properties;

enum { NO_MORE, VALUE, ITEM };

int xmp_properties_begin(properties *x, slice packet, const char *uri); /* 0: the namespace is not used */
int xmp_properties_next(properties *x, slice *name, slice *value);

#endif
