#pragma once
/// Settings of devices and compiled models. Every property has a name (the key) and a text (the value); the objects here pair a key
/// with its C++ type: core.compile_model(model, "CPU", octet::num_streams(4), octet::enable_profiling(true)).
#include <concepts>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace octet {

namespace hint {
enum class PerformanceMode : std::uint8_t { LATENCY, THROUGHPUT, CUMULATIVE_THROUGHPUT };
enum class ExecutionMode : std::uint8_t { PERFORMANCE, ACCURACY };
}  // namespace hint

namespace streams {
/// A number of streams; AUTO: as many as the hint asks for.
struct Num {
    constexpr Num() = default;
    constexpr Num(std::int32_t count) : num(count) {}
    constexpr operator std::int32_t() const { return num; }
    std::int32_t num = -1;
};
inline constexpr Num AUTO{-1};
}  // namespace streams

namespace detail {
// Text forms of values: "YES"/"NO" for bool, decimal numbers, names of enumerators, lists separated by one space. `from_text` throws
// Error that names the text and the wanted type.
std::string to_text(bool value);
std::string to_text(std::int64_t value);
std::string to_text(streams::Num value);
std::string to_text(hint::PerformanceMode value);
std::string to_text(hint::ExecutionMode value);
std::string to_text(const std::vector<std::string>& value);
void from_text(const std::string& text, bool& value);
void from_text(const std::string& text, std::int64_t& value);
void from_text(const std::string& text, std::int32_t& value);
void from_text(const std::string& text, std::uint32_t& value);
void from_text(const std::string& text, streams::Num& value);
void from_text(const std::string& text, hint::PerformanceMode& value);
void from_text(const std::string& text, hint::ExecutionMode& value);
void from_text(const std::string& text, std::string& value);
void from_text(const std::string& text, std::vector<std::string>& value);
}  // namespace detail

/// The value of a property: a text that can be read as the property's type.
class Any {
public:
    Any() = default;
    Any(std::string text) : text_(std::move(text)) {}
    Any(const char* text) : text_(text) {}
    Any(std::same_as<bool> auto value) : text_(detail::to_text(value)) {}
    template <std::integral T>
    requires(!std::same_as<T, bool>) Any(T value) : text_(detail::to_text(static_cast<std::int64_t>(value))) {}
    Any(streams::Num value) : text_(detail::to_text(value)) {}
    Any(hint::PerformanceMode value) : text_(detail::to_text(value)) {}
    Any(hint::ExecutionMode value) : text_(detail::to_text(value)) {}
    Any(const std::vector<std::string>& value) : text_(detail::to_text(value)) {}

    /// The value as a T: std::string, bool, an integer, an enumeration of this file, std::vector<std::string>. Throws Error when
    /// the text is none.
    template <class T>
    T as() const {
        T value{};
        detail::from_text(text_, value);
        return value;
    }
    const std::string& text() const { return text_; }
    bool empty() const { return text_.empty(); }
    bool operator==(const Any&) const = default;

private:
    std::string text_;
};
std::ostream& operator<<(std::ostream& out, const Any& value);

/// Values by key.
using AnyMap = std::map<std::string, Any>;

/// A key and the type of its value.
template <class T, bool ReadOnly = false>
struct Property {
    std::string_view key;
    constexpr std::string_view name() const { return key; }
    /// The key with this value, for compile_model and set_property.
    std::pair<const std::string, Any> operator()(T value) const requires(!ReadOnly) {
        return {std::string(key), Any(std::move(value))};
    }
};
template <class T>
using ReadOnlyProperty = Property<T, true>;

/// How many inferences run at once; each stream has INFERENCE_NUM_THREADS / NUM_STREAMS threads.
inline constexpr Property<streams::Num> num_streams{"NUM_STREAMS"};
/// Threads of all streams together; 0: as many as this process may use.
inline constexpr Property<std::int32_t> inference_num_threads{"INFERENCE_NUM_THREADS"};
/// Whether the time of every step is measured (CompiledModel::report, InferRequest::get_profiling_info).
inline constexpr Property<bool> enable_profiling{"PERF_COUNT"};

/// A folder that keeps packed weights and generated code, one file for each model, settings, machine and build: compiling the same again
/// maps it instead of making them. It is made where it is missing; files that do not fit are ignored and replaced. Empty (the default):
/// nothing is kept. Models with dynamic inputs are not kept. The files hold code that will run: those that another user than this one or
/// root can write are ignored.
inline constexpr Property<std::string> cache_dir{"CACHE_DIR"};
/// YES: where a layer can be computed by several kernels and nothing is known about them on this machine, compiling measures them, which
/// takes about a second and memory for a few plans, and takes the fastest. What was measured is kept in CACHE_DIR, one file for each
/// machine, version and number of threads, which later compilations read, also those without TUNE. NO (the default): nothing is measured,
/// and without CACHE_DIR every compilation chooses the same kernels. Models with dynamic inputs are not measured.
inline constexpr Property<bool> tune{"TUNE"};

namespace hint {
/// LATENCY: one stream of all threads; THROUGHPUT: streams of one thread.
inline constexpr Property<PerformanceMode> performance_mode{"PERFORMANCE_HINT"};
inline constexpr Property<std::uint32_t> num_requests{"PERFORMANCE_HINT_NUM_REQUESTS"};
/// ACCURACY: the integers of a quantized model mean exactly what its file says. PERFORMANCE (the default): a value may be off by a
/// sixteenth of its quantization step before it is quantized where being exact costs time, at the border of an image whose zero point is
/// no integer, and by zero points of weights that are nearly 0.
inline constexpr Property<ExecutionMode> execution_mode{"EXECUTION_MODE_HINT"};
/// What float layers compute in: f32, bf16 (where the processor is faster with it, else f32), or dynamic (the default: f32 with
/// execution_mode ACCURACY, else as bf16). Asked for, it is what the model computes in.
inline constexpr Property<std::string> inference_precision{"INFERENCE_PRECISION_HINT"};
inline constexpr Property<bool> enable_cpu_pinning{"ENABLE_CPU_PINNING"};
/// NO: every layer runs in float, also where the model is quantized.
inline constexpr Property<bool> low_precision{"INFERENCE_LOW_PRECISION"};
/// YES: on x86 processors without VNNI dense int8 products take the instruction for two products of 8 bits, whose sum saturates at 16
/// bits, as OpenVINO and ONNX Runtime do there. Faster, and wrong where two weights side by side of one sign add up to more than 128
/// and meet large data; models quantized to weights of 7 bits are not affected. NO (the default): sums are exact everywhere.
inline constexpr Property<bool> int8_saturation{"INT8_SATURATION"};
/// Which layers of a quantized model run on integers. CHEAPEST (the default): those that are faster so on this machine, by measured
/// figures of its instruction set; INTEGERS: all that can; UPSTREAM: those that OpenVINO chooses. The results are those of the model in
/// each case.
inline constexpr Property<std::string> low_precision_plan{"LOW_PRECISION_PLAN"};
/// YES: FakeQuantize whose data meet in a Concat may be put on one common grid where more layers run on integers so, or the same ones in
/// less time. Each keeps only those of its levels that the common grid has, so that results are no longer those of the model;
/// LayerReport::loss says how many are left. Not together with execution_mode ACCURACY. NO is the default; REFERENCE never does it.
inline constexpr Property<bool> low_precision_allow_lossy{"LOW_PRECISION_ALLOW_LOSSY"};
}  // namespace hint

inline constexpr ReadOnlyProperty<std::vector<std::string>> supported_properties{"SUPPORTED_PROPERTIES"};
inline constexpr ReadOnlyProperty<std::vector<std::string>> available_devices{"AVAILABLE_DEVICES"};
inline constexpr ReadOnlyProperty<std::vector<std::string>> execution_devices{"EXECUTION_DEVICES"};
inline constexpr ReadOnlyProperty<std::uint32_t> optimal_number_of_infer_requests{"OPTIMAL_NUMBER_OF_INFER_REQUESTS"};
inline constexpr ReadOnlyProperty<std::string> model_name{"NETWORK_NAME"};
/// Of a compiled model: whether CACHE_DIR had its plan.
inline constexpr ReadOnlyProperty<bool> loaded_from_cache{"LOADED_FROM_CACHE"};
namespace device {
inline constexpr ReadOnlyProperty<std::string> full_name{"FULL_DEVICE_NAME"};
}  // namespace device

}  // namespace octet
