#pragma once
/// The three kinds of errors of this library. Each carries one sentence; nothing is half-done when one is thrown.
#include <stdexcept>
#include <string>
#include <utility>

namespace octet {

/// A model, an argument or a file is not right; the message says which, where, and what was wanted.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The request is valid but the device cannot carry it out.
class Unsupported : public Error {
public:
    Unsupported(std::string op_name, std::string reason_text)
        : Error(op_name + ": " + reason_text), op_(std::move(op_name)), reason_(std::move(reason_text)) {}
    /// As above with context (layer, file) in front of the message.
    Unsupported(const Unsupported& inner, const std::string& context)
        : Error(context + ": " + inner.what()), op_(inner.op_), reason_(inner.reason_) {}
    const std::string& op() const { return op_; }
    const std::string& reason() const { return reason_; }

private:
    std::string op_;
    std::string reason_;
};

/// The object is in use by a running inference.
class Busy : public Error {
public:
    using Error::Error;
};

/// A defect of this library.
class InternalError : public Error {
public:
    using Error::Error;
};

}  // namespace octet
