#include "tools/support/npy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <stdexcept>

#include "tests/xml/folder.hpp"
#include "tools/support/files.hpp"

namespace octet::tools {
namespace {

using ir::Element;
using ir::Tensor;

class Npy : public testing::Test {
protected:
    void write_bytes(const std::string& header, const std::string& data, char version = 1) const {
        std::string text = std::string("\x93NUMPY") + version + '\0';
        text += static_cast<char>(header.size() & 0xff);
        text += static_cast<char>(header.size() >> 8);
        if (version > 1) text += std::string(2, '\0');
        std::ofstream(file, std::ios::binary) << text << header << data;
    }
    std::string message() const {
        try {
            read_npy(file);
        } catch (const Error& e) {
            std::string text = e.what();
            const std::string start = "'" + file.string() + "': ";
            return text.starts_with(start) ? text.substr(start.size()) : text;
        }
        return "";
    }

    ir::TemporaryFolder folder;
    const std::filesystem::path file = folder.path / "x.npy";
};

TEST_F(Npy, KeepsEveryElementTypeAndRank) {
    for (const Element element :
         {Element::f16, Element::f32, Element::f64, Element::i8, Element::i16, Element::i32, Element::i64, Element::u8,
          Element::u16, Element::u32, Element::u64, Element::boolean})
        for (const ir::Dims& dims : {ir::Dims{}, {5}, {2, 3}, {1, 0, 4}}) {
            Tensor x(element, dims);
            for (std::size_t i = 0; i < x.bytes(); ++i)
                x.write_raw()[i] = static_cast<std::byte>(element == Element::boolean ? i % 2 : 7 * i + 1);
            write_npy(file, element, dims, x.data());
            EXPECT_EQ(read_npy(file), x) << name_of(element) << ir::to_string(dims);
        }
}

TEST_F(Npy, DataBeginsAtAMultipleOf64) {
    write_npy(file, Element::f32, {2, 3}, std::vector<float>(6).data());
    EXPECT_EQ(std::filesystem::file_size(file) % 64, 6 * sizeof(float));
}

TEST_F(Npy, ReadsTheHeaderOfVersion2) {
    write_bytes("{'shape': (2,), 'fortran_order': False, 'descr': '|u1'}\n", "ab", 2);
    EXPECT_EQ(read_npy(file), Tensor::vector<std::uint8_t>({'a', 'b'}));
}

TEST_F(Npy, SaysWhatIsWrong) {
    std::ofstream(file) << "hello, this is text";
    EXPECT_EQ(message(), "it is not a .npy file");
    write_bytes("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", "abcd");
    EXPECT_EQ(message(), "the array is in column-major order, wanted row-major");
    write_bytes("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "abcd");
    EXPECT_EQ(message(), "element type '>f4' is not supported");
    write_bytes("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "abcd");
    EXPECT_EQ(message(), "an array of structures is not supported");
    write_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "abcd");
    EXPECT_EQ(message(), "f32[2] takes 8 bytes, the file holds 4");
    write_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (9000000000, 9000000000)}", "abcd");
    EXPECT_EQ(message(), "shape [9000000000,9000000000] is too large");
    write_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (2, x)}", "abcd");
    EXPECT_EQ(message(), "'(2, x)' is no shape");
    write_bytes("{'descr': '<f4', 'fortran_order': False}", "abcd");
    EXPECT_EQ(message(), "the header has no 'shape'");
    write_bytes("", "", 7);
    EXPECT_EQ(message(), "version 7 of the format is not known");
    std::filesystem::resize_file(file, 0);
    EXPECT_EQ(message(), "it is not a .npy file");
    std::filesystem::remove(file);
    EXPECT_THAT(message(), testing::HasSubstr("there is no such file"));
}

TEST_F(Npy, RefusesWhatTheFormatCannotHold) {
    try {
        write_npy(file, Element::bf16, {1}, "ab");
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(std::string(e.what()), "'" + file.string() + "': a .npy file cannot hold bf16");
    }
}

TEST_F(Npy, NothingIsLeftOfAFileThatWasNotFinished) {
    EXPECT_THROW(write_file(file,
                            [](std::ostream& out) {
                                out << "half";
                                throw std::runtime_error("no more");
                            }),
                 std::runtime_error);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path));
    write_file(file, [](std::ostream& out) { out << "whole"; });
    EXPECT_THROW(write_file(file, [](std::ostream&) { throw std::runtime_error("no more"); }), std::runtime_error);
    EXPECT_EQ(read_file(file), "whole");
}

}  // namespace
}  // namespace octet::tools
