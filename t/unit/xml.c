#include "store/xml.h"
#include "t/unit/tap.h"

static const char LISTING[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a > b -->\n"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    "<Name>b</Name><Prefix/><KeyCount>2</KeyCount>\n"
    "  <Contents><Key>a&amp;b&#xfc;&#10;&lt;&unknown;&</Key><Size>1</Size>"
    "<Owner><ID>x</ID><Contents>inner</Contents></Owner></Contents>"
    "<Contents ><Key>c</Key><Size>2</Size></Contents></ListBucketResult>\n";

static void listing(struct arena *a)
{
    struct xml root, e;
    struct xml_iter it;
    int contents = 0;

    CHECK(xml_root(str_of(LISTING), "ListBucketResult", &root));
    CHECK(!xml_root(str_of(LISTING), "Error", &root));
    it = xml_iter(root);
    while (xml_next(&it, &e))
        contents += str_is(e.name, "Contents");
    CHECK(contents == 2 && !it.bad);
    e = xml_child(root, "Contents");
    CHECK(str_is(xml_child_text(e, "Key", a), "a&b\xc3\xbc\n<&unknown;&"));
    CHECK(str_is(xml_child_text(e, "Size", a), "1"));
    CHECK(xml_child(root, "Prefix").name.n &&
          !xml_child(root, "Prefix").inner.n);
    CHECK(xml_child(root, "None").name.n == 0);
}

/* Every cut of a good document is refused, and nothing is read beyond it. */
static void cuts(void)
{
    size_t n = sizeof LISTING - 2; /* without the last newline */
    bool all = true;

    for (size_t i = 0; i < n; i++) {
        char *copy = malloc(i + 1);
        struct xml root;

        memcpy(copy, LISTING, i);
        all =
            all && !xml_root((struct str){copy, i}, "ListBucketResult", &root);
        free(copy);
    }
    CHECK(all);
}

static void malformed(void)
{
    static const char *const bad[] = {"",
                                      "text",
                                      "<a>",
                                      "<a></b>",
                                      "<a",
                                      "</a>",
                                      "<>x</>",
                                      "<a><!DOCTYPE x></a>",
                                      "<a><b></a>",
                                      "<a><!-- </a>",
                                      "<!DOCTYPE a><a/>"};
    struct xml e;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!xml_root(str_of(bad[i]), "a", &e), "refused: %s", bad[i]);
    CHECK(xml_root(STR_LIT("<a/>"), "a", &e) && e.inner.n == 0);
}

static void entities(struct arena *a)
{
    struct xml e = {.inner =
                        STR_LIT("a&lt;b&gt;&amp;&apos;&quot;&#10;\xc3\xbc")};

    CHECK(str_is(xml_text(e, a), "a<b>&'\"\n\xc3\xbc"));
}

/* What is no text by itself stays as it is written: nothing that is no UTF-8
 * comes of it. */
static void references(struct arena *a)
{
    static const char *const as_is[] = {
        "&#xD800;", "&#xdfff;",   "&#55296;",      "&#xD83D;&#xDE00;",
        "&#0;",     "&#x110000;", "&#xFFFFFFFFF;", "&#;",
        "&#x;",     "&#-1;"};
    struct xml e;

    for (size_t i = 0; i < sizeof as_is / sizeof *as_is; i++) {
        e.inner = str_of(as_is[i]);
        tap_ok(str_is(xml_text(e, a), as_is[i]), "as it is: %s", as_is[i]);
    }
    e.inner = STR_LIT("&#xD7FF;&#xE000;&#x1F600;");
    CHECK(str_is(xml_text(e, a), "\xed\x9f\xbf\xee\x80\x80\xf0\x9f\x98\x80"));
}

static void cdata(struct arena *a)
{
    struct xml root, e;

    CHECK(xml_root(STR_LIT("<a><b>x&lt;<![CDATA[<c>&amp;]]&gt;]]>y</b>"
                           "<![CDATA[</a>]]><b>2</b></a>"),
                   "a", &root));
    CHECK(str_is(xml_child_text(root, "b", a), "x<<c>&amp;]]&gt;y"));
    CHECK(xml_child(root, "c").name.n == 0);
    e = (struct xml){.inner = STR_LIT("<![CDATA[]]>")};
    CHECK(xml_text(e, a).n == 0);
    CHECK(!xml_root(STR_LIT("<a><![CDATA[</a>"), "a", &root));
}

int main(void)
{
    struct arena *a = arena_new(4096);

    listing(a);
    cuts();
    malformed();
    entities(a);
    references(a);
    cdata(a);
    arena_free(&a);
    return tap_end();
}
