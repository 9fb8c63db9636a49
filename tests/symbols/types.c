/* One of each kind of type that a kernel structure may have: compiled by the tests of src/kernel/dwarf.rs. */
struct flex {
    int count;
    short items[];
};
struct inner {
    long a;
    union {
        int x;
        struct {
            short lo, hi;
        };
    };
};
enum plain { ONE = 1, BIG = 0x80000000u };
enum negative { MINUS = -3, PLUS = 200 };
typedef unsigned int word_t;
typedef struct {
    unsigned char bytes[6];
} anonymous_t;
struct outer {
    const volatile word_t first;
    unsigned low : 3;
    unsigned mid : 11;
    int sgn : 7;
    struct inner nested;
    struct inner many[3];
    int grid[4][5];
    char text[16];
    struct outer *next;
    void (*call)(int);
    _Bool flag;
    enum negative negative;
    enum plain plain;
    union {
        struct {
            int deep;
        };
        long other;
    };
    anonymous_t mac;
    signed char small;
    unsigned long long wide : 40;
    unsigned long long across : 9;
    int none[0];
    struct flex tail;
};
union either {
    int a;
    char b[12];
};
struct declared;

struct outer outer;
union either either;
struct declared *declared;

int main(void)
{
    /* A type within a function is none of the file's. */
    struct local {
        int q;
    } local = {0};
    return local.q;
}
