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

int main(void)
{
    struct arena *a = arena_new(4096);

    listing(a);
    cuts();
    malformed();
    entities(a);
    arena_free(&a);
    return tap_end();
}
