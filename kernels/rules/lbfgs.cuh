// L-BFGS: the passes over vectors that org.panoptim.LBFGS is made of. Its scalars (line search,
// curvature condition, tolerances) are plain Java, in double, and come and go by states of the
// rule.
//
// Source: PyTorch, torch.optim.LBFGS; Nocedal & Wright, "Numerical Optimization", 2nd edition,
// algorithm 7.4.
// Traffic: of each pass, at the pass.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Settings and scalars of those that have none.
struct Nothing {};

// The gradient as the model left it. The parameter is a copy of it; what is absent counts as zeros.
// Two earlier ones are kept while a line search may come back to them.
struct LbfgsGradient : PlainRule {
    using Hyper = Nothing;
    using Scalars = Nothing;
    static constexpr const char *hyper_names = "";
    PANOPTIM_RULE_SLOTS(first, second);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 6;
    static constexpr int clearing = 0; // 4 bytes
    static constexpr int taking = 1;   // 8 bytes, as each of those below
    static constexpr int keeping_first = 2;
    static constexpr int keeping_second = 3;
    static constexpr int using_first = 4;
    static constexpr int using_second = 5;

    PANOPTIM_DEVICE static constexpr bool keeps(int phase) {
        return phase == keeping_first || phase == keeping_second;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return keeps(phase); }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == taking; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return !keeps(phase); }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == using_first ? 0b01 : phase == using_second ? 0b10 : 0b00;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == keeping_first ? 0b01 : phase == keeping_second ? 0b10 : 0b00;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &, const Preparation &, Scalars &) {}

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &, Element &element) {
        if constexpr (Phase == clearing) {
            element.parameter = 0;
        } else if constexpr (Phase == taking) {
            element.parameter = element.gradient;
        } else if constexpr (Phase == keeping_first) {
            element.slot[first] = element.parameter;
        } else if constexpr (Phase == keeping_second) {
            element.slot[second] = element.parameter;
        } else if constexpr (Phase == using_first) {
            element.parameter = element.slot[first];
        } else {
            element.parameter = element.slot[second];
        }
    }
};

// The direction d, which is the parameter, and the gradient g. Whether the largest of an array is
// within a bound, it finds by counting those that are not: NaN is not.
struct LbfgsDirection : PlainRule {
    PANOPTIM_RULE_HYPER(tolerance_grad);
    PANOPTIM_RULE_SCALARS(factor, bound);
    PANOPTIM_RULE_SLOTS();
    PANOPTIM_RULE_STATES(slope, norm, steep, factor, bound, far);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 5;
    static constexpr int descending = 0; // 8 bytes
    static constexpr int measuring = 1;  // 8 bytes
    static constexpr int measured = 2;   // none
    static constexpr int reaching = 3;   // 4 bytes
    static constexpr int reached = 4;    // none
    static constexpr int reductions = 4;
    static constexpr int slopes = 0; // d g
    static constexpr int norms = 1;  // |g|
    static constexpr int steeps = 2; // elements of g beyond the tolerance
    static constexpr int fars = 3;   // elements of factor d beyond the bound

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::all; }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int reduction) {
        return reduction == fars ? reaching : measuring;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) {
        return phase == measuring || phase == reaching;
    }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) {
        return phase == descending || phase == measuring;
    }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) {
        return phase == descending;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == measured) {
            states.slope = preparation.reductions[slopes];
            states.norm = preparation.reductions[norms];
            states.steep = preparation.reductions[steeps];
        } else if constexpr (Phase == reached) {
            states.far = preparation.reductions[fars];
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == measuring) {
            scalars.bound = static_cast<float>(hyper.tolerance_grad);
        } else if constexpr (Phase == reaching) {
            const RuleStates &states = preparation.rule_states<LbfgsDirection>();
            scalars.factor = static_cast<float>(states.factor);
            scalars.bound = static_cast<float>(states.bound);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == descending) {
            element.parameter = -element.gradient;
        } else if constexpr (Phase == measuring) {
            const float size = absolute(element.gradient);
            element.left[slopes] = element.parameter;
            element.right[slopes] = element.gradient;
            element.left[norms] = size;
            element.right[norms] = 1;
            element.left[steeps] = size <= scalars.bound ? 0.0F : 1.0F;
            element.right[steeps] = 1;
        } else if constexpr (Phase == reaching) {
            const float moved = absolute(scalars.factor * element.parameter);
            element.left[fars] = moved <= scalars.bound ? 0.0F : 1.0F;
            element.right[fars] = 1;
        }
    }
};

// The parameters along the direction, which is their gradient here: where they start, t of it away,
// and back.
struct LbfgsPoint : PlainRule {
    using Hyper = Nothing;
    static constexpr const char *hyper_names = "";
    PANOPTIM_RULE_SCALARS(t);
    PANOPTIM_RULE_SLOTS(start);
    PANOPTIM_RULE_STATES(t);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 3;
    static constexpr int departing = 0; // 16 bytes
    static constexpr int moving = 1;    // 12 bytes
    static constexpr int restoring = 2; // 8 bytes

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == departing; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase != restoring; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == departing ? 0b0 : 0b1;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == departing ? 0b1 : 0b0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &, const Preparation &, RuleStates &) {}

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &, const Preparation &preparation,
                                        Scalars &scalars) {
        scalars.t = static_cast<float>(preparation.rule_states<LbfgsPoint>().t);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == departing) {
            element.slot[start] = element.parameter;
        }
        if constexpr (Phase == restoring) {
            element.parameter = element.slot[start];
        } else {
            element.parameter = element.slot[start] + scalars.t * element.gradient;
        }
    }
};

// A pair of the history: the step s, and the change y of the gradient g along it. The parameter is
// the direction d. Before the pair is complete, y is the gradient where the step began.
struct LbfgsPair : PlainRule {
    using Hyper = Nothing;
    static constexpr const char *hyper_names = "";
    PANOPTIM_RULE_SCALARS(t, coefficient, scale);
    PANOPTIM_RULE_SLOTS(s, y);
    PANOPTIM_RULE_STATES(t, ys, yy, al, scale);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 7;
    static constexpr int beginning = 0;   // 8 bytes
    static constexpr int completing = 1;  // 20 bytes
    static constexpr int completed = 2;   // none
    static constexpr int projecting = 3;  // 8 bytes
    static constexpr int subtracting = 4; // 12 bytes
    static constexpr int comparing = 5;   // 8 bytes
    static constexpr int adding = 6;      // 12 bytes
    static constexpr int reductions = 4;
    static constexpr int curvatures = 0; // y s
    static constexpr int changes = 1;    // y y
    static constexpr int along_s = 2;    // s d
    static constexpr int along_y = 3;    // y d

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::all; }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int reduction) {
        return reduction == along_s ? projecting : reduction == along_y ? comparing : completing;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) {
        return phase != beginning && phase != completed;
    }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) {
        return phase == beginning || phase == completing;
    }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) {
        return phase == subtracting || phase == adding;
    }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        constexpr unsigned of_s = 0b01;
        constexpr unsigned of_y = 0b10;
        return phase == projecting || phase == adding                              ? of_s
               : phase == completing || phase == subtracting || phase == comparing ? of_y
                                                                                   : 0;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == beginning ? 0b10 : phase == completing ? 0b11 : 0b00;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == completed) {
            states.ys = preparation.reductions[curvatures];
            states.yy = preparation.reductions[changes];
        } else if constexpr (Phase == subtracting) {
            states.al = preparation.reductions[along_s] * (1 / states.ys);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &, const Preparation &preparation,
                                        Scalars &scalars) {
        [[maybe_unused]] const RuleStates &states = preparation.rule_states<LbfgsPair>();
        if constexpr (Phase == completing) {
            scalars.t = static_cast<float>(states.t);
        } else if constexpr (Phase == subtracting) {
            scalars.coefficient = static_cast<float>(states.al);
            scalars.scale = static_cast<float>(states.scale);
        } else if constexpr (Phase == adding) {
            const double be = preparation.reductions[along_y] * (1 / states.ys);
            scalars.coefficient = static_cast<float>(states.al - be);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        [[maybe_unused]] float &step = element.slot[s];
        [[maybe_unused]] float &change = element.slot[y];
        [[maybe_unused]] float &direction = element.parameter;
        if constexpr (Phase == beginning) {
            change = element.gradient;
        } else if constexpr (Phase == completing) {
            step = scalars.t * direction;
            change = element.gradient - change;
            element.left[curvatures] = change;
            element.right[curvatures] = step;
            element.left[changes] = change;
            element.right[changes] = change;
        } else if constexpr (Phase == projecting) {
            element.left[along_s] = step;
            element.right[along_s] = direction;
        } else if constexpr (Phase == subtracting) {
            direction = (direction - scalars.coefficient * change) * scalars.scale;
        } else if constexpr (Phase == comparing) {
            element.left[along_y] = change;
            element.right[along_y] = direction;
        } else if constexpr (Phase == adding) {
            direction = direction + scalars.coefficient * step;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
