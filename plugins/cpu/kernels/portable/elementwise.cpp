#include "plugins/cpu/kernels/portable/elementwise.hpp"

#include <array>

namespace octet::cpu::portable {

void Elementwise::run(const Arguments& args, std::size_t begin, std::size_t end) const {
    const TileGrid grid{rows, channels};
    const ResultLayout layout{channels, rows_per_batch, out_stride};
    alignas(64) std::array<float, kTileValues> values;
    for (std::size_t i = begin; i < end; ++i) {
        const Tile tile = grid[i];
        load_floats(input, args.input, tile.row * channels + tile.channel, tile.rows * tile.channels, values.data());
        apply_epilogue(epilogue, layout, tile, values.data(), args.operands, args.out);
    }
}

}  // namespace octet::cpu::portable
