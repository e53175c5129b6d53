#pragma once
// Values of the model file as text, in all spellings that occur: "True" and "1", "1, 1" and "1.0,1.0", "f32" and "FP32".
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/op.hpp"

namespace octet::ir::xml {

// Each throws Error with what was got and wanted.
bool parse_bool(std::string_view text);
std::int64_t parse_integer(std::string_view text);  // "3" and "3.0"
double parse_real(std::string_view text);
Element parse_element(std::string_view text);
Shape parse_shape(std::string_view text);  // "1,3,?,1..8", "-1" as "?", "..." without a rank

// The parts of a list without the space around them; none of "".
std::vector<std::string_view> split_list(std::string_view text);
// Tensor names: commas separate, "\," is a comma.
std::vector<std::string> parse_names(std::string_view text);

// Reads into a field. False: an enum has no such value. Kinds of fields that no attribute holds (tensors, bodies) are internal errors.
bool parse_field(FieldRef field, std::string_view text);

std::string format_field(FieldRef field);
std::string format_names(const std::vector<std::string>& names);
std::string format_shape(const Shape& shape);
std::string_view precision_of(Element element);  // as ports spell it: "FP32"

}  // namespace octet::ir::xml
