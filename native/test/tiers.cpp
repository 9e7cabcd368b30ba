// Every tier against the rules run one element at a time: equal bits, for every size and position.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <initializer_list>

#include "naive.h"

namespace {

// Two groups of a rule, with values that exercise all branches; booleans take turns. What is not
// named here is between 0 and 1.
const std::map<std::string, std::pair<double, double>> known = {
    {"learning_rate", {1e-3, 0.1}}, {"epsilon", {1e-8, 1e-3}},
    {"weight_decay", {0.01, 0}},    {"amsgrad", {0, 1}},
    {"maximize", {0, 1}},           {"nesterov", {0, 1}},
    {"batch_size", {5120, 1}},
};

void add_groups(Problem &problem, const Described &rule) {
    Settings first;
    Settings second;
    for (const std::string &name : rule.hyper) {
        const auto entry = known.find(name);
        const auto values = entry == known.end() ? std::pair(0.9, 0.5) : entry->second;
        first[name] = values.first;
        second[name] = values.second;
    }
    problem.add_group(rule.name, first);
    problem.add_group(rule.name, second);
}

// Those that step, or those that have passes.
std::vector<Described> cases(int32_t panoptim_rule::*phases) {
    std::vector<Described> all;
    for (int32_t rule = 0; rule < panoptim_rule_count(); ++rule) {
        const Described &description = described(rule);
        if (description.rule.*phases > 0) {
            all.push_back(description);
        }
    }
    return all;
}

struct Setting {
    int64_t elements;
    Edge edge = Edge::end;
    int64_t shift = 0;
    int64_t chunk_elements = PANOPTIM_BLOCK;
    std::vector<int64_t> ranges = {1};
    bool special = false;
    bool zero_gradients = false;
    bool statistics = false;
    // As a stack of matrices, whose product is the number of elements.
    int64_t rows = 1;
    int64_t columns = 0;
};

void add_tensors(Problem &problem, const Setting &setting) {
    for (int32_t group = 0; group < 2; ++group) {
        if (setting.columns == 0) {
            problem.add_tensor(group, setting.elements, setting.edge, setting.shift);
        } else {
            problem.add_matrices(group, setting.elements / (setting.rows * setting.columns),
                                 setting.rows, setting.columns, setting.edge, setting.shift);
        }
    }
    problem.tensors[0].has_curvature = true;
}

// Two tensors, the first with curvature (of no effect on most rules), each in its own group.
Problem problem_of(const Described &rule, const Setting &setting) {
    Problem problem(setting.chunk_elements);
    add_groups(problem, rule);
    add_tensors(problem, setting);
    problem.control.zero_gradients = setting.zero_gradients;
    problem.control.statistics = setting.statistics;
    problem.control.loss_scale = 8;
    return problem;
}

// The same with values that are drawn.
Problem drawn(const Described &rule, const Setting &setting) {
    Problem problem = problem_of(rule, setting);
    Random random(static_cast<uint64_t>(setting.elements) + 17);
    problem.fill(random, [&](Random &source) {
        return setting.special ? source.special() : source.ordinary();
    });
    return problem;
}

// The same with the values of another.
Problem like(const Problem &start, const Described &rule, const Setting &setting) {
    Problem problem = problem_of(rule, setting);
    problem.fill(start);
    return problem;
}

constexpr int steps = 2;

// What two steps leave behind, each.
struct Result {
    std::vector<float> contents;
    // The norms, and the statistics of each tensor if they are taken.
    std::vector<double> numbers;
};

std::vector<double> numbers(const Problem &problem) {
    std::vector<double> all{problem.control.update_norm, problem.control.gradient_norm};
    if (problem.control.statistics != 0) {
        const auto first = PANOPTIM_FIRST_STATISTIC * problem.plan.tensor_count;
        all.insert(all.end(), problem.totals.begin() + first, problem.totals.end());
    }
    return all;
}

template <typename Step>
std::vector<Result> results(Problem problem, Step step) {
    std::vector<Result> all;
    for (int i = 0; i < steps; ++i) {
        REQUIRE(step(problem) == PANOPTIM_OK);
        all.push_back({contents(problem), numbers(problem)});
    }
    return all;
}

// Every rule on every usable tier, with the chunks in so many ranges as the setting says: each.
void check(const Setting &setting) {
    CAPTURE(setting.elements);
    CAPTURE(setting.shift);
    CAPTURE(setting.chunk_elements);
    CAPTURE(setting.zero_gradients);
    CAPTURE(setting.statistics);
    for (const Described &rule : cases(&panoptim_rule::phases)) {
        CAPTURE(rule.name);
        const Problem start = drawn(rule, setting);
        const std::vector<Result> expected = results(
            like(start, rule, setting), [](Problem &problem) { return problem.step(naive_tier); });
        for (const int32_t tier : usable_tiers()) {
            CAPTURE(tier);
            for (const int64_t ranges : setting.ranges) {
                CAPTURE(ranges);
                const std::vector<Result> actual =
                    results(like(start, rule, setting),
                            [&](Problem &problem) { return problem.step(tier, ranges); });
                for (int i = 0; i < steps; ++i) {
                    CHECK(first_difference(actual[i].contents, expected[i].contents) == -1);
                    CHECK(std::equal(actual[i].numbers.begin(), actual[i].numbers.end(),
                                     expected[i].numbers.begin(), expected[i].numbers.end(),
                                     [](double one, double other) { return same(one, other); }));
                    CHECK((setting.statistics || std::isnan(actual[i].numbers[0])));
                }
            }
        }
    }
}

// The same of passes, over the tensors with a gradient and then over all.
void check_passes(const Setting &setting) {
    CAPTURE(setting.elements);
    CAPTURE(setting.shift);
    CAPTURE(setting.chunk_elements);
    for (const Described &rule : cases(&panoptim_rule::pass_phases)) {
        CAPTURE(rule.name);
        for (const int32_t kind : {PANOPTIM_PASS, PANOPTIM_PASS_ALL}) {
            CAPTURE(kind);
            const Problem start = drawn(rule, setting);
            Problem expected = like(start, rule, setting);
            expected.tensors[1].has_gradient = false;
            expected.control.step = 3;
            REQUIRE(expected.pass(naive_tier, kind) == PANOPTIM_OK);
            for (const int32_t tier : usable_tiers()) {
                CAPTURE(tier);
                for (const int64_t ranges : setting.ranges) {
                    CAPTURE(ranges);
                    Problem actual = like(start, rule, setting);
                    actual.tensors[1].has_gradient = false;
                    actual.control.step = 3;
                    const panoptim_control before = actual.control;
                    REQUIRE(actual.pass(tier, kind, ranges) == PANOPTIM_OK);
                    CHECK(first_difference(contents(actual), contents(expected)) == -1);
                    CHECK(std::memcmp(&before, &actual.control, sizeof before) == 0);
                    CHECK(actual.counts == std::vector<int64_t>{0, 0});
                }
            }
        }
    }
}

} // namespace

TEST_CASE("at least one tier is usable") {
    CHECK(!usable_tiers().empty());
}

TEST_CASE("a pass equals the rule element by element, and leaves counts and control alone") {
    for (const int64_t elements : {0, 1, 5, 127, 128, 300, 4095, 4097, 20557}) {
        check_passes(
            {.elements = elements, .ranges = {1, 3}, .zero_gradients = true, .statistics = true});
    }
    check_passes({.elements = 20557, .shift = 3, .chunk_elements = 2 * PANOPTIM_BLOCK});
    check_passes({.elements = 4097, .special = true});
}

TEST_CASE("a plan of a pass must name one") {
    Problem problem;
    problem.add_group("sam", {});
    problem.add_tensor(0, 3);
    problem.build();
    problem.plan.pass = PANOPTIM_PASS_ALL + 1;
    CHECK(panoptim_prepare(&problem.plan, 0) == PANOPTIM_ERROR_RANGE);
    problem.plan.pass = PANOPTIM_PASS;
    problem.plan.pass_rule = panoptim_rule_count();
    CHECK(panoptim_prepare(&problem.plan, 0) == PANOPTIM_ERROR_RULE);
    problem.plan.pass_rule = rule_named("adamw");
    CHECK(panoptim_prepare(&problem.plan, 0) == PANOPTIM_ERROR_RANGE);
    problem.plan.pass_rule = rule_named("sam");
    problem.plan.pass_phase = 3;
    CHECK(panoptim_prepare(&problem.plan, 3) == PANOPTIM_ERROR_RANGE);
    problem.plan.pass_phase = 2;
    CHECK(panoptim_prepare(&problem.plan, 2) == PANOPTIM_OK);
}

TEST_CASE("a step equals the rule element by element, for all sizes and at forbidden pages") {
    for (const int64_t elements :
         {0,  1,  2,  3,   4,   5,   7,   8,   9,   15,  16,  17,  31,   32,   33,  63,
          64, 65, 95, 127, 128, 129, 287, 288, 289, 300, 511, 513, 4095, 4096, 4097}) {
        for (const Edge edge : {Edge::begin, Edge::end}) {
            Setting setting{elements, edge};
            check(setting);
            setting.zero_gradients = true;
            check(setting);
            setting.statistics = true;
            check(setting);
            setting.zero_gradients = false;
            check(setting);
        }
    }
}

TEST_CASE("a step equals the rule element by element, wherever arrays begin") {
    for (const int64_t shift : {1, 2, 3, 5}) {
        for (const int64_t elements : {3, 40, 1000}) {
            for (const Edge edge : {Edge::begin, Edge::end}) {
                Setting setting{elements, edge, shift};
                check(setting);
                setting.statistics = true;
                check(setting);
            }
        }
    }
}

TEST_CASE("a step equals the rule element by element, with NaN, infinities, zeros and denormals") {
    for (const int64_t elements : {1, 7, 100, 3001}) {
        Setting setting{elements};
        setting.special = true;
        check(setting);
        setting.statistics = true;
        setting.zero_gradients = true;
        check(setting);
    }
}

TEST_CASE("a step of matrices equals the rule element by element, across panels and chunks") {
    struct Matrices {
        int64_t count;
        int64_t rows;
        int64_t columns;
    };
    for (const auto &[count, rows, columns] :
         {Matrices{1, 5, 1}, Matrices{7, 2, 3}, Matrices{3, 3, 5}, Matrices{2, 63, 127},
          Matrices{1, 64, 128}, Matrices{1, 65, 129}, Matrices{1, 3, 1023}, Matrices{2, 2, 1024},
          Matrices{1, 66, 1025}, Matrices{1, 130, 40}, Matrices{1, 2, 2100}}) {
        CAPTURE(rows);
        CAPTURE(columns);
        const int64_t elements = count * rows * columns;
        for (const int64_t shift : {0, 3}) {
            // The largest has more elements than all others together.
            if (shift != 0 && elements > 1 << 16) {
                continue;
            }
            Setting setting{.elements = elements, .shift = shift};
            setting.ranges = {1, 3};
            setting.rows = rows;
            setting.columns = columns;
            setting.statistics = true;
            check(setting);
            check_passes(setting);
        }
    }
    Setting special{.elements = 2 * 66 * 130, .special = true, .zero_gradients = true};
    special.rows = 66;
    special.columns = 130;
    check(special);
}

TEST_CASE("a step does not depend on chunks, nor on how they are split into ranges") {
    for (int k = 0; k <= 3; ++k) {
        Setting setting{5 * PANOPTIM_BLOCK + 77};
        setting.chunk_elements = PANOPTIM_BLOCK << k;
        setting.ranges = {1, 2, 7};
        check(setting);
        setting.statistics = true;
        check(setting);
    }
}
