/*
 * Known answers. "AWS": published by AWS, in the S3 API Reference
 * ("Authenticating Requests") and in the Signature Version 4 test suite.
 * "botocore": computed with botocore 1.43.11, an independent signer.
 */
#include "base/digest.h"
#include "store/sigv4.h"
#include "t/unit/tap.h"

#define PAIRS 12
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define STS                                                                    \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWs"   \
    "KWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/"                      \
    "qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5V"  \
    "SXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lI"   \
    "ZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLx"   \
    "BA=="

static const char SECRET_SUITE[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static const char SECRET_S3[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

struct known {
    const char *what, *service, *region, *date, *method;
    const char *path; /* raw */
    const char *query[PAIRS];
    const char *header[PAIRS];
    const char *body, *signature;
};

#define S3_DOC "s3", "us-east-1", "20130524T000000Z"
#define S3_HOST "host", "examplebucket.s3.amazonaws.com"
#define S3_OURS "s3", "us-west-1", "20251220T143134Z"
#define S3_OUR_HOST "host", "driveguard-analyses.s3.us-west-1.amazonaws.com"
#define SUITE "service", "us-east-1", "20150830T123600Z"
#define SUITE_HOST "host", "example.amazonaws.com"
#define DDB "dynamodb", "us-west-1", "20251220T143134Z"
#define DDB_HEADERS                                                            \
    "host", "dynamodb.us-west-1.amazonaws.com", "content-type",                \
        "application/x-amz-json-1.0", "x-amz-target",                          \
        "DynamoDB_20120810.GetItem"
#define ODD_KEY "/users/a b+c=d:e@f%g~h/\xc3\xbc/..//x?y#z"
#define PUT_HEADERS                                                            \
    S3_OUR_HOST, "content-type", "application/json", "content-encoding",       \
        "gzip", "x-amz-meta-trip_id", "t1", "if-none-match", "*"

static const struct known cases[] = {
    {"AWS: S3 GET object",
     S3_DOC,
     "GET",
     "/test.txt",
     {0},
     {S3_HOST, "range", "bytes=0-9"},
     "",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"AWS: S3 PUT object",
     S3_DOC,
     "PUT",
     "/test$file.text",
     {0},
     {S3_HOST, "date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class",
      "REDUCED_REDUNDANCY"},
     "Welcome to Amazon S3.",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"AWS: S3 GET lifecycle",
     S3_DOC,
     "GET",
     "/",
     {"lifecycle", ""},
     {S3_HOST},
     "",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"AWS: S3 list objects",
     S3_DOC,
     "GET",
     "/",
     {"prefix", "J", "max-keys", "2"},
     {S3_HOST},
     "",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    {"AWS: get-vanilla",
     SUITE,
     "GET",
     "/",
     {0},
     {SUITE_HOST},
     "",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"AWS: get-vanilla-query-order-key-case",
     SUITE,
     "GET",
     "/",
     {"Param2", "value2", "Param1", "value1"},
     {SUITE_HOST},
     "",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"AWS: get-unreserved",
     SUITE,
     "GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     {0},
     {SUITE_HOST},
     "",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"AWS: get-utf8",
     SUITE,
     "GET",
     "/\xe1\x88\xb4",
     {0},
     {SUITE_HOST},
     "",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"AWS: get-header-value-trim",
     SUITE,
     "GET",
     "/",
     {0},
     {SUITE_HOST, "my-header1", " value1", "my-header2", " \"a   b   c\""},
     "",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"AWS: post-vanilla",
     SUITE,
     "POST",
     "/",
     {0},
     {SUITE_HOST},
     "",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"AWS: post-x-www-form-urlencoded",
     SUITE,
     "POST",
     "/",
     {0},
     {SUITE_HOST, "content-type", "application/x-www-form-urlencoded"},
     "Param1=value1",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"AWS: post-sts-header-before",
     SUITE,
     "POST",
     "/",
     {0},
     {SUITE_HOST, "x-amz-security-token", STS},
     "",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {"botocore: S3 PUT of an odd key",
     S3_OURS,
     "PUT",
     ODD_KEY,
     {0},
     {PUT_HEADERS},
     "hello",
     "7bda2d7b0432d936b0714eee5143b145862abbbbb1de0ab7e683372652d39330"},
    {"botocore: the same with a session token",
     S3_OURS,
     "PUT",
     ODD_KEY,
     {0},
     {PUT_HEADERS, "x-amz-security-token", "TOKEN/with+odd=bytes"},
     "hello",
     "e0023b25734a067fa1c06a1cd4b9298172a0d790344884716a42f66bfefaf1df"},
    {"botocore: S3 list of an odd prefix with a session token",
     S3_OURS,
     "GET",
     "/",
     {"prefix", "users/\xc3\xbc@:/", "list-type", "2", "encoding-type", "url",
      "delimiter", "/", "continuation-token", "a/b+c=d e"},
     {S3_OUR_HOST, "x-amz-security-token", "T"},
     "",
     "5f60565a285ade7bf3c4fd8fdf9679fcbc0c1f88aa660de8a7f3867b2447e2ac"},
    {"botocore: DynamoDB GetItem",
     DDB,
     "POST",
     "/",
     {0},
     {DDB_HEADERS},
     "{\"TableName\":\"Trips-Neal\"}",
     "d81c82e90923d6d99f3562f3fe46590a362ea259653e4cc144a57255e5937d9b"},
    {"botocore: DynamoDB GetItem with a session token",
     DDB,
     "POST",
     "/",
     {0},
     {DDB_HEADERS, "x-amz-security-token", "TOKEN/with+odd=bytes"},
     "{\"TableName\":\"Trips-Neal\"}",
     "cab0e3be183cd35b483ee0b2c2e3012820bf11830c4583ddb5d98c5ae92cc9b7"},
};

static size_t pairs_of(const char *const *text, struct sigv4_pair *out)
{
    size_t n = 0;

    for (; 2 * n < PAIRS && text[2 * n]; n++)
        out[n] =
            (struct sigv4_pair){str_of(text[2 * n]), str_of(text[2 * n + 1])};
    return n;
}

static void try_known(const struct known *k, struct arena *a)
{
    struct sigv4_pair query[PAIRS], header[PAIRS + 2];
    size_t nq = pairs_of(k->query, query), nh = pairs_of(k->header, header);
    bool s3 = strcmp(k->service, "s3") == 0;
    struct sigv4_key key = {STR_LIT("AKIDEXAMPLE"), str_of(SECRET_SUITE),
                            STR_NONE};
    char sha[SHA256_HEX + 1];
    struct buf path;
    struct str got;

    if (s3 && strcmp(k->region, "us-east-1") == 0)
        key = (struct sigv4_key){STR_LIT("AKIAIOSFODNN7EXAMPLE"),
                                 str_of(SECRET_S3), STR_NONE};
    digest_sha256(str_of(k->body), sha);
    header[nh++] = (struct sigv4_pair){STR_LIT("x-amz-date"), str_of(k->date)};
    if (s3)
        header[nh++] = (struct sigv4_pair){STR_LIT("x-amz-content-sha256"),
                                           {sha, SHA256_HEX}};
    buf_init(&path, 1024);
    sigv4_encode_path(&path, str_of(k->path));
    got = sigv4_authorization(
        &(struct sigv4_request){k->method, buf_str(&path),
                                sigv4_query(query, nq, a), header, nh, sha,
                                k->region, k->service, k->date},
        &key, a);
    if (!tap_ok(str_ends(got, str_of(k->signature)), "%s", k->what))
        tap_note("got %.*s", STR_ARG(got));
    buf_free(&path);
}

static void forms(struct arena *a)
{
    struct sigv4_pair p[] = {{STR_LIT("b"), STR_LIT("2 +/~")},
                             {STR_LIT("a"), STR_LIT("")},
                             {STR_LIT("b"), STR_LIT("1")},
                             {STR_LIT("A"), STR_LIT("\xc3\xbc%")}};
    char date[SIGV4_DATE_MAX + 1], sha[SHA256_HEX + 1];
    struct buf b;

    CHECK(str_is(sigv4_query(p, 4, a), "A=%C3%BC%25&a=&b=1&b=2%20%2B%2F~"));
    CHECK(sigv4_query(p, 0, a).n == 0);
    buf_init(&b, 100);
    sigv4_encode_path(&b, STR_LIT("a/../b c\n"));
    CHECK(str_is(buf_str(&b), "a/../b%20c%0A"));
    buf_reset(&b);
    sigv4_encode(&b, STR_LIT("a/b"));
    CHECK(str_is(buf_str(&b), "a%2Fb"));
    buf_free(&b);
    sigv4_date(1440938160000000, date);
    CHECK(strcmp(date, "20150830T123600Z") == 0);
    digest_sha256(STR_NONE, sha);
    CHECK(strcmp(sha, EMPTY) == 0);
}

int main(void)
{
    struct arena *a = arena_new(65536);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        try_known(&cases[i], a);
    forms(a);
    arena_free(&a);
    return tap_end();
}
