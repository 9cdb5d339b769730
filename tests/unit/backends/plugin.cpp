// The least plugin library that TensorRT loads: a creator of the operator Nothing, which creates none.
#include <cstdint>

struct InterfaceInfo {
    char const* kind;
    int32_t major, minor;
};

struct Fields {
    int32_t count;
    void const* fields;
};

struct Creator {
    virtual int32_t language() const noexcept { return 0; }
    virtual InterfaceInfo info() const noexcept { return {"PLUGIN CREATOR_V3ONE", 1, 0}; }
    virtual ~Creator() noexcept = default;
    virtual void* create(char const*, Fields const*, int32_t) noexcept { return nullptr; }
    virtual Fields const* fields() noexcept { return &none; }
    virtual char const* name() const noexcept { return "Nothing"; }
    virtual char const* version() const noexcept { return "1"; }
    virtual char const* space() const noexcept { return ""; }
    Fields none{0, nullptr};
};

static Creator creator;
static Creator* const creators[] = {&creator};

extern "C" Creator* const* getCreators(int32_t& count) {
    count = 1;
    return creators;
}

extern "C" void setLoggerFinder(void*) {}
