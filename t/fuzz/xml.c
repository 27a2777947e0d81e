/*
 * xml.c - any bytes: the cursor gives views that lie within them, texts that
 * are no longer than what they are read from, and a page of a listing whose
 * entries have keys.
 */
#include "store/xml.h"

#include <assert.h>
#include "store/s3.h"
#include "t/fuzz/fuzz.h"

#define PAGE(inside)                                                           \
    FUZZ("<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3\">"     \
         "<Name>b</Name><Prefix>users/</Prefix>" inside "</ListBucketResult>")
#define ENTRY                                                                  \
    "<Contents><Key>users/u/trips/t_1.json.gz</Key><LastModified>2026-01-01T"  \
    "00:00:00.000Z</LastModified><ETag>&quot;abc&quot;</ETag><Size>7</Size>"   \
    "</Contents>"

const struct fuzz_text fuzz_seeds[] = {
    PAGE("<KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>" ENTRY),
    PAGE("<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
         "<NextContinuationToken>a%2Fb</NextContinuationToken>" ENTRY
         "<CommonPrefixes><Prefix>users/a%20b+c/</Prefix></CommonPrefixes>"),
    FUZZ("<Error><Code>NoSuchKey</Code><Message>a&lt;b&#xe9;&#10;&x;</Message>"
         "<Empty/><!-- > --></Error>"),
    PAGE("<Contents><Key><![CDATA[users/u/<a>&amp;]]></Key></Contents>"),
    FUZZ("<a b=\"c\" ><a><a/></a>text<b>&amp;&#38;</b></a >"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("<"),         FUZZ(">"),      FUZZ("/>"),       FUZZ("</"),
    FUZZ("<a>"),       FUZZ("</a>"),   FUZZ("<!--"),     FUZZ("-->"),
    FUZZ("<?"),        FUZZ("?>"),     FUZZ("<!"),       FUZZ("&#x10ffff;"),
    FUZZ("&#xd8;"),    FUZZ("&amp;"),  FUZZ("&#"),       FUZZ(";"),
    FUZZ("<![CDATA["), FUZZ("]]>"),    FUZZ("&#xD800;"), FUZZ(ENTRY),
    FUZZ("%2F"),       FUZZ("&#0;"),   FUZZ("<Key>"),    FUZZ("<ETag>"),
    FUZZ("true"),      FUZZ("</Key>"), FUZZ_END,
};

static void check_within(struct str part, struct str whole)
{
    assert(!part.n || (part.p >= whole.p && part.n <= whole.n &&
                       part.p + part.n <= whole.p + whole.n));
}

static void walk(struct xml e, struct str whole, struct arena *a, int depth)
{
    struct xml_iter it = xml_iter(e);
    struct xml child;

    check_within(e.name, whole);
    check_within(e.inner, whole);
    assert(xml_text(e, a).n <= e.inner.n);
    while (depth < 20 && xml_next(&it, &child)) {
        assert(child.name.n > 0);
        check_within(child.inner, e.inner);
        walk(child, whole, a, depth + 1);
    }
}

static enum status listed(void *ctx, const struct object_entry *entry)
{
    (void)ctx;
    assert(entry->key.n > 0 && entry->size >= 0);
    return ST_OK;
}

static void check_page(struct str in, struct arena *a)
{
    const struct s3 bucket = {.bucket = "b"};
    const struct s3_listing all = {.prefix = STR_NONE};
    struct str next = STR_NONE;
    struct err err = ERR_NONE;
    enum status st =
        s3_list_page(&bucket, &all, in, a, listed, NULL, &next, &err);

    assert(st == err.st && (st == ST_OK || st == ST_UNAVAILABLE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct arena *a = arena_new(4096);
    struct xml_iter it = {.rest = in};
    struct xml e;

    while (xml_next(&it, &e)) {
        assert(xml_root(in, arena_z(a, e.name), &e) || it.rest.n < in.n);
        walk(e, in, a, 0);
    }
    check_page(in, a);
    arena_free(&a);
    return 0;
}
