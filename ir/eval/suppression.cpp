// Choosing boxes: DetectionOutput and NonMaxSuppression.
#include <cmath>
#include <map>

#include "ir/eval/copy.hpp"
#include "ir/eval/detection.hpp"
#include "ir/eval/support.hpp"

namespace octet::ir::eval {
namespace {

struct Candidate {
    float score = 0;
    std::size_t prior = 0;
    std::size_t label = 0;
};

// The tensor as f32; nothing is copied where it is that.
Tensor as_floats(const Tensor& t) { return t.converted(Element::f32).aligned(); }

// Best first; the one that comes first among equals.
void keep_best(std::vector<Candidate>& found, std::int64_t most) {
    const auto better = [](const Candidate& a, const Candidate& b) {
        return a.score != b.score ? a.score > b.score : a.prior < b.prior;
    };
    const auto end = most >= 0 && most < static_cast<std::int64_t>(found.size()) ? found.begin() + most : found.end();
    std::partial_sort(found.begin(), end, found.end(), better);
    found.erase(end, found.end());
}

// The numbers of one image's head.
class Head {
public:
    Head(const DetectionOutput& op, std::span<const Tensor> in, std::size_t image, std::size_t images, bool own_priors)
        : op_(op) {
        const std::size_t prior_size = op.normalized ? 4 : 5;
        const std::size_t all = in[2].size() / (own_priors ? images : 1);
        priors_ = all / prior_size / (op.variance_encoded_in_target ? 1 : 2);
        classes_ = priors_ == 0 ? 0 : in[1].size() / images / priors_;
        boxes_ = part(in[0], image, images);
        scores_ = part(in[1], image, images);
        proposals_ = in[2].as<float>().subspan(own_priors ? image * all : 0, all);
        if (in.size() > 3) {
            objectness_ = part(in[3], image, images);
            refinement_ = part(in[4], image, images);
        }
    }

    std::size_t priors() const { return priors_; }
    std::size_t classes() const { return classes_; }

    float score(std::size_t prior, std::size_t label) const {
        if (!objectness_.empty() && objectness_[prior * 2 + 1] < static_cast<float>(op_.objectness_score))
            return static_cast<std::int64_t>(label) == op_.background_label_id ? 1.0f : 0.0f;
        return scores_[prior * classes_ + label];
    }

    Box box(std::size_t prior, std::size_t label) const {
        const std::size_t place = op_.share_location ? prior : prior * classes_ + label;
        const std::size_t size = op_.normalized ? 4 : 5;
        const float* p = proposals_.data() + prior * size + (size - 4);
        Box from{p[0], p[1], p[2], p[3]};
        if (!op_.normalized) {
            const auto width = static_cast<float>(op_.input_width), height = static_cast<float>(op_.input_height);
            from = {from.x1 / width, from.y1 / height, from.x2 / width, from.y2 / height};
        }
        std::array<float, 4> variance{1, 1, 1, 1};
        if (!op_.variance_encoded_in_target)
            std::copy_n(proposals_.data() + priors_ * size + prior * 4, 4, variance.begin());
        if (!refinement_.empty()) from = decoded(from, variance, refinement_.data() + place * 4);
        Box result = decoded(from, variance, boxes_.data() + place * 4);
        return op_.clip_before_nms ? clipped(result) : result;
    }

    static Box clipped(const Box& b) {
        return {std::clamp(b.x1, 0.0f, 1.0f), std::clamp(b.y1, 0.0f, 1.0f), std::clamp(b.x2, 0.0f, 1.0f),
                std::clamp(b.y2, 0.0f, 1.0f)};
    }

private:
    static std::span<const float> part(const Tensor& all, std::size_t image, std::size_t images) {
        return all.as<float>().subspan(image * (all.size() / images), all.size() / images);
    }

    Box decoded(const Box& prior, const std::array<float, 4>& variance, const float* by) const {
        if (op_.code_type == BoxCode::corner)
            return {prior.x1 + variance[0] * by[0], prior.y1 + variance[1] * by[1], prior.x2 + variance[2] * by[2],
                    prior.y2 + variance[3] * by[3]};
        const float width = prior.x2 - prior.x1, height = prior.y2 - prior.y1;
        const float x = variance[0] * by[0] * width + (prior.x1 + prior.x2) / 2,
                    y = variance[1] * by[1] * height + (prior.y1 + prior.y2) / 2;
        const float w = std::exp(variance[2] * by[2]) * width, h = std::exp(variance[3] * by[3]) * height;
        return {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
    }

    const DetectionOutput& op_;
    std::size_t priors_ = 0, classes_ = 0;
    std::span<const float> boxes_, scores_, proposals_, objectness_, refinement_;
};

struct Detection {
    float score = 0;
    Box box;
};
using Detections = std::map<std::size_t, std::vector<Detection>>;  // by label

void add_unless_covered(std::vector<Detection>& kept, const Detection& next, double threshold) {
    for (const Detection& d : kept)
        if (intersection_over_union(next.box, d.box) > static_cast<float>(threshold)) return;
    kept.push_back(next);
}

// Every class chooses among all priors.
Detections per_class(const DetectionOutput& op, const Head& head) {
    Detections kept;
    std::vector<Candidate> found;
    for (std::size_t label = 0; label < head.classes(); ++label) {
        if (static_cast<std::int64_t>(label) == op.background_label_id) continue;
        found.clear();
        for (std::size_t prior = 0; prior < head.priors(); ++prior)
            if (const float score = head.score(prior, label); score > static_cast<float>(op.confidence_threshold))
                found.push_back({score, prior, label});
        keep_best(found, op.top_k);
        for (const Candidate& c : found)
            add_unless_covered(kept[label], {c.score, head.box(c.prior, label)}, op.nms_threshold);
    }
    return kept;
}

// Every prior is of its likeliest class, the background at 0 left out.
Detections per_prior(const DetectionOutput& op, const Head& head) {
    std::vector<Candidate> found;
    for (std::size_t prior = 0; prior < head.priors(); ++prior) {
        Candidate best{-1, prior, 0};
        for (std::size_t label = 1; label < head.classes(); ++label)
            if (const float score = head.score(prior, label); score > best.score) best = {score, prior, label};
        if (best.label > 0 && best.score >= static_cast<float>(op.confidence_threshold)) found.push_back(best);
    }
    keep_best(found, op.top_k);
    Detections kept;
    for (const Candidate& c : found)
        add_unless_covered(kept[c.label], {c.score, head.box(c.prior, c.label)}, op.nms_threshold);
    return kept;
}

// Only the best over all classes stay; among equals those of lower labels.
void keep_top(Detections& kept, std::int64_t most) {
    std::vector<float> scores;
    for (const auto& entry : kept)
        for (const Detection& d : entry.second) scores.push_back(d.score);
    if (most < 0 || static_cast<std::int64_t>(scores.size()) <= most) return;
    if (most == 0) return kept.clear();
    const auto last = scores.begin() + (most - 1);
    std::ranges::nth_element(scores, last, std::greater<>());
    const float least = *last;
    auto equals = most - std::ranges::count_if(scores, [&](float s) { return s > least; });
    for (auto& entry : kept)
        std::erase_if(entry.second,
                      [&](const Detection& d) { return d.score < least || (d.score == least && equals-- <= 0); });
}

}  // namespace

float intersection_over_union(const Box& a, const Box& b) {
    const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1),
                height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
    if (!(width > 0 && height > 0)) return 0;
    const float both = width * height;
    return both / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both);
}

// Rows of an image stand by label, within a label by score. A row whose image is -1 ends the list when it is not full.
Tensors detection_output(const DetectionOutput& op, std::span<const Tensor> in) {
    Tensor out(Element::f32, result_dims(op, in));
    std::vector<Tensor> numbers;
    for (const Tensor& t : in) numbers.push_back(as_floats(t));
    const std::size_t images = extent_of(in[0].dims(), 0);
    require(in[2].dims()[0] == 1 || in[2].dims()[0] == in[0].dims()[0], "proposals {} for {} images",
            to_string(in[2].dims()), images);
    auto to = out.write<float>();
    for (std::size_t image = 0; image < images; ++image) {
        const Head head(op, numbers, image, images, in[2].dims()[0] != 1);
        Detections kept = op.decrease_label_id ? per_prior(op, head) : per_class(op, head);
        keep_top(kept, op.keep_top_k[0]);
        for (const auto& entry : kept)
            for (const Detection& d : entry.second) {
                check(to.size() >= 7, "detection_output found more boxes than its result holds");
                const Box b = op.clip_after_nms ? Head::clipped(d.box) : d.box;
                const float label = static_cast<float>(entry.first) - (op.decrease_label_id ? 1.0f : 0.0f);
                const std::array<float, 7> row{static_cast<float>(image), label, d.score, b.x1, b.y1, b.x2, b.y2};
                std::ranges::copy(row, to.begin());
                to = to.subspan(7);
            }
    }
    if (!to.empty()) to[0] = -1;
    return {out.converted(in[0].element())};
}

namespace {

struct Selected {
    std::size_t batch = 0, label = 0, box = 0;
    float score = 0;
};

struct SuppressionLimits {
    std::int64_t boxes = 0;
    float iou = 0, score = 0, sigma = 0;
};

// A box on its way through suppression; `seen` chosen boxes have already lowered its score.
struct Waiting {
    float score = 0;
    std::size_t box = 0, seen = 0;
    bool operator<(const Waiting& other) const { return score != other.score ? score < other.score : box > other.box; }
};

std::vector<Waiting> suppressed(const float* scores, std::span<const Box> boxes, const SuppressionLimits& limits) {
    std::vector<Waiting> heap, chosen;
    for (std::size_t i = 0; i < boxes.size(); ++i)
        if (scores[i] > limits.score) heap.push_back({scores[i], i, 0});
    std::make_heap(heap.begin(), heap.end());
    while (!heap.empty() && static_cast<std::int64_t>(chosen.size()) < limits.boxes) {
        std::pop_heap(heap.begin(), heap.end());
        Waiting next = heap.back();
        heap.pop_back();
        const float before = next.score;
        bool covered = false;
        for (std::size_t k = chosen.size(); k-- > next.seen && !covered && next.score > limits.score;) {
            const float iou = intersection_over_union(boxes[next.box], boxes[chosen[k].box]);
            covered = iou >= limits.iou;
            if (limits.sigma > 0) next.score *= std::exp(-0.5f / limits.sigma * iou * iou);
        }
        next.seen = chosen.size();
        if (covered || next.score <= limits.score) continue;
        if (next.score == before) {
            chosen.push_back(next);
        } else {
            heap.push_back(next);
            std::push_heap(heap.begin(), heap.end());
        }
    }
    return chosen;
}

std::vector<Box> read_boxes(const NonMaxSuppression& op, const float* from, std::size_t count) {
    std::vector<Box> boxes(count);
    for (Box& b : boxes) {
        // Corners come in any order, as y, x, y, x.
        if (op.box_encoding == BoxEncoding::corner)
            b = {std::min(from[1], from[3]), std::min(from[0], from[2]), std::max(from[1], from[3]),
                 std::max(from[0], from[2])};
        else b = {from[0] - from[2] / 2, from[1] - from[3] / 2, from[0] + from[2] / 2, from[1] + from[3] / 2};
        from += 4;
    }
    return boxes;
}

}  // namespace

Tensors non_max_suppression(const NonMaxSuppression& op, std::span<const Tensor> in) {
    result_types(op, in);
    const auto number = [&](std::size_t i) { return in.size() > i ? static_cast<float>(in[i].at(0)) : 0.0f; };
    const SuppressionLimits limits{in.size() > 2 ? in[2].integer_at(0) : 0, number(3), number(4), number(5)};
    const std::size_t batches = extent_of(in[1].dims(), 0), classes = extent_of(in[1].dims(), 1),
                      count = extent_of(in[1].dims(), 2);
    const Tensor coordinate_tensor = as_floats(in[0]), score_tensor = as_floats(in[1]);
    const auto coordinates = coordinate_tensor.as<float>(), scores = score_tensor.as<float>();
    std::vector<Selected> found;
    for (std::size_t b = 0; b < batches; ++b) {
        const auto boxes = read_boxes(op, coordinates.data() + b * count * 4, count);
        for (std::size_t c = 0; c < classes; ++c)
            for (const Waiting& w : suppressed(scores.data() + (b * classes + c) * count, boxes, limits))
                found.push_back({b, c, w.box, w.score});
    }
    if (op.sort_result_descending)
        std::ranges::stable_sort(found, [](const Selected& x, const Selected& y) {
            if (x.score != y.score) return x.score > y.score;
            return x.batch != y.batch ? x.batch < y.batch : x.label != y.label ? x.label < y.label : x.box < y.box;
        });
    const auto rows = static_cast<std::int64_t>(found.size());
    Tensor indices(Element::i64, {rows, 3}), values(Element::f32, {rows, 3});
    for (std::size_t i = 0; i < found.size(); ++i) {
        const Selected& s = found[i];
        const std::array<std::size_t, 3> row{s.batch, s.label, s.box};
        std::ranges::transform(row, indices.write<std::int64_t>().begin() + static_cast<std::ptrdiff_t>(3 * i),
                               [](std::size_t n) { return static_cast<std::int64_t>(n); });
        const std::array<float, 3> value{static_cast<float>(s.batch), static_cast<float>(s.label), s.score};
        std::ranges::copy(value, values.write<float>().begin() + static_cast<std::ptrdiff_t>(3 * i));
    }
    return {indices.converted(op.index_element), values,
            Tensor::vector<std::int64_t>({rows}).converted(op.index_element)};
}

}  // namespace octet::ir::eval
