// Each rule against values worked out by hand. The hyper-parameters are chosen so that most of them
// are exact in binary; where a square root is not, the tolerance is of float's precision.
#include <doctest/doctest.h>

#include <initializer_list>

#include "problem.h"

namespace {

doctest::Approx near(double value) {
    return doctest::Approx(value).epsilon(2e-7);
}

// A problem of a single parameter.
class Single {
  public:
    Single(const std::string &rule, const Settings &hyper, float parameter)
        : tensor_(problem.add_tensor(problem.add_group(rule, hyper), 1)) {
        tensor_.value[0] = parameter;
    }

    void step(float gradient) {
        tensor_.gradient[0] = gradient;
        REQUIRE(problem.step(usable_tiers().front()) == PANOPTIM_OK);
    }

    void step(float gradient, float curvature) {
        tensor_.has_curvature = true;
        tensor_.curvature[0] = curvature;
        step(gradient);
        tensor_.has_curvature = false;
    }

    float parameter() const { return tensor_.value[0]; }
    float slot(int index) const { return tensor_.slots[index][0]; }

    Problem problem;

  private:
    Tensor &tensor_;
};

Settings sgd(double learning_rate) {
    Settings hyper;
    hyper["learning_rate"] = learning_rate;
    return hyper;
}

// Betas of 1/2: after the first step the corrected moments are g and g^2.
Settings halves(double learning_rate, double weight_decay) {
    Settings hyper;
    hyper["learning_rate"] = learning_rate;
    hyper["beta1"] = 0.5;
    hyper["beta2"] = 0.5;
    hyper["weight_decay"] = weight_decay;
    return hyper;
}

} // namespace

TEST_CASE("sgd adds the decay to the gradient") {
    Settings hyper = sgd(0.5);
    hyper["weight_decay"] = 0.25;
    Single single("sgd", hyper, 2);
    single.step(1);
    CHECK(single.parameter() == 1.25F); // 2 - 0.5 (1 + 0.25 2)
}

TEST_CASE("sgd negates the gradient before the decay when it maximizes") {
    Settings hyper = sgd(0.5);
    hyper["weight_decay"] = 0.25;
    hyper["maximize"] = 1;
    Single single("sgd", hyper, 2);
    single.step(1);
    CHECK(single.parameter() == 2.25F); // 2 - 0.5 (-1 + 0.25 2)
}

TEST_CASE("sgd starts its momentum with the whole gradient and dampens later ones") {
    Settings hyper = sgd(0.5);
    hyper["momentum"] = 0.5;
    hyper["dampening"] = 0.25;
    Single single("sgd_momentum", hyper, 2);
    single.step(1);
    CHECK(single.slot(0) == 1);
    CHECK(single.parameter() == 1.5F);
    single.step(2);
    CHECK(single.slot(0) == 2); // 0.5 1 + 0.75 2
    CHECK(single.parameter() == 0.5F);
}

TEST_CASE("nesterov looks ahead by one momentum") {
    Settings hyper = sgd(0.5);
    hyper["momentum"] = 0.5;
    hyper["dampening"] = 0.25;
    hyper["nesterov"] = 1;
    Single single("sgd_momentum", hyper, 2);
    single.step(1);
    CHECK(single.parameter() == 1.25F); // 2 - 0.5 (1 + 0.5 1)
    single.step(2);
    CHECK(single.slot(0) == 2);
    CHECK(single.parameter() == -0.25F); // 1.25 - 0.5 (2 + 0.5 2)
}

TEST_CASE("sgd's first momentum does not depend on what was in its slot") {
    Settings hyper = sgd(0.5);
    hyper["momentum"] = 0.5;
    Single single("sgd_momentum", hyper, 2);
    single.problem.tensors[0].slots[0][0] = std::numeric_limits<float>::quiet_NaN();
    single.step(1);
    CHECK(single.slot(0) == 1);
    CHECK(single.parameter() == 1.5F);
}

TEST_CASE("adam decays through the gradient") {
    Single single("adam", halves(0.1, 0.5), 2);
    single.step(1); // g = 1 + 0.5 2 = 2
    CHECK(single.slot(0) == 1);
    CHECK(single.slot(1) == 2);
    CHECK(single.parameter() == near(1.9)); // 2 - 0.1 2 / sqrt(4)
    single.step(-1);                        // g = -1 + 0.5 1.9 = -0.05
    CHECK(single.slot(0) == near(0.475));
    CHECK(single.slot(1) == near(1.00125));
    // 1.9 - 0.1 (0.475 / 0.75) / sqrt(1.00125 / 0.75)
    CHECK(single.parameter() == near(1.8451860));
}

TEST_CASE("adam's amsgrad divides by the largest second moment so far") {
    Single single("adam_amsgrad", halves(0.1, 0.5), 2);
    single.step(1);
    CHECK(single.slot(2) == 2);
    CHECK(single.parameter() == near(1.9));
    single.step(-1);
    CHECK(single.slot(1) == near(1.00125));
    CHECK(single.slot(2) == 2);
    // 1.9 - 0.1 (0.475 / 0.75) / sqrt(2 / 0.75)
    CHECK(single.parameter() == near(1.8612164));
}

TEST_CASE("adam negates the gradient when it maximizes") {
    Settings hyper = halves(0.1, 0.25);
    hyper["maximize"] = 1;
    Single single("adam", hyper, 2);
    single.step(1); // g = -1 + 0.25 2 = -0.5
    CHECK(single.slot(0) == -0.25F);
    CHECK(single.parameter() == near(2.1));
}

TEST_CASE("adam's epsilon is outside the root and after the correction") {
    Settings hyper = halves(1, 0);
    hyper["epsilon"] = 1;
    Single single("adam", hyper, 2);
    single.step(1);
    CHECK(single.parameter() == near(1.5)); // 2 - 1 / (1 + 1)
}

TEST_CASE("adamw decays the parameter itself") {
    Single single("adamw", halves(0.1, 0.5), 2);
    single.step(2);
    CHECK(single.slot(0) == 1);
    CHECK(single.slot(1) == 2);
    CHECK(single.parameter() == near(1.8)); // 2 - 0.1 0.5 2 - 0.1 2 / sqrt(4)
    single.step(-0.05F);
    // 1.8 - 0.1 0.5 1.8 - 0.1 (0.475 / 0.75) / sqrt(1.00125 / 0.75)
    CHECK(single.parameter() == near(1.6551860));
}

TEST_CASE("adamw's amsgrad divides by the largest second moment so far") {
    Single single("adamw_amsgrad", halves(0.1, 0.5), 2);
    single.step(2);
    single.step(-0.05F);
    CHECK(single.slot(2) == 2);
    CHECK(single.parameter() == near(1.6712164));
}

TEST_CASE("adamw's decay and update are rounded together") {
    Settings hyper = halves(1, 0x1p-25);
    hyper["epsilon"] = 1;
    Single single("adamw", hyper, 1);
    single.step(0x1p-25F);
    // Each alone is lost: 1 - 2^-25 rounds to 1.
    CHECK(single.parameter() == 1 - 0x1p-24F);
}

TEST_CASE("lion moves by the sign of the mixed gradient, and not at all where that is 0") {
    Settings hyper;
    hyper["learning_rate"] = 0.5;
    hyper["beta1"] = 0.5;
    hyper["beta2"] = 0.75;
    hyper["weight_decay"] = 0.25;
    Single single("lion", hyper, 2);
    single.step(4);
    CHECK(single.parameter() == 1.25F);    // 2 - (0.125 2 + 0.5 1)
    CHECK(single.slot(0) == 1);            // 0.25 4
    single.step(-1);                       // 0.5 1 + 0.5 -1 = 0
    CHECK(single.parameter() == 1.09375F); // 1.25 - 0.125 1.25
    CHECK(single.slot(0) == 0.5F);         // 0.75 1 - 0.25 1
    single.step(std::numeric_limits<float>::quiet_NaN());
    CHECK(single.parameter() != single.parameter());
}

TEST_CASE("sophia-g squares the curvature, folds it in first, and clips at 1") {
    Settings hyper;
    hyper["learning_rate"] = 0.5;
    hyper["beta1"] = 0.5;
    hyper["beta2"] = 0.5;
    hyper["rho"] = 0.25;
    hyper["batch_size"] = 4;
    hyper["weight_decay"] = 0.25;
    Single single("sophia_g", hyper, 2);
    single.step(2, -2);
    CHECK(single.slot(0) == 1);
    CHECK(single.slot(1) == 2);        // 0.5 2^2
    CHECK(single.parameter() == 1.5F); // 2 - (0.125 2 + 0.5 1/2)
    single.step(-11);                  // the momentum becomes -5, and 5 / 2 is clipped
    CHECK(single.slot(0) == -5);
    CHECK(single.slot(1) == 2);
    CHECK(single.parameter() == 1.8125F); // 1.5 - (0.125 1.5 - 0.5)
}

TEST_CASE("sophia-g without curvature so far moves by the sign") {
    Settings hyper;
    hyper["learning_rate"] = 0.5;
    hyper["rho"] = 0.04;
    hyper["batch_size"] = 5120;
    Single single("sophia_g", hyper, 2);
    single.step(-0x1p-40F);
    CHECK(single.parameter() == 2.5F);
    single.step(0);
    CHECK(single.parameter() == 2.5F);
}

TEST_CASE("sophia-h divides by the curvature, not less than epsilon, and clips") {
    Settings hyper;
    hyper["learning_rate"] = 0.5;
    hyper["beta1"] = 0.5;
    hyper["beta2"] = 0.5;
    hyper["clip"] = 0.75;
    hyper["epsilon"] = 1;
    Single single("sophia_h", hyper, 2);
    single.step(2, 8);
    CHECK(single.slot(1) == 4);
    CHECK(single.parameter() == 1.875F); // 2 - 0.5 1/4
    single.step(-9);                     // -4 / 4 is clipped
    CHECK(single.slot(0) == -4);
    CHECK(single.parameter() == 2.25F); // 1.875 + 0.5 0.75
    single.step(5, -100);               // the curvature becomes negative, and epsilon takes over
    CHECK(single.slot(0) == 0.5F);
    CHECK(single.slot(1) == -48);
    CHECK(single.parameter() == 2); // 2.25 - 0.5 0.5/1
}

TEST_CASE("ada-fisher divides the corrected momentum by the damped diagonal last handed in") {
    Settings hyper;
    hyper["learning_rate"] = 0.5;
    hyper["beta1"] = 0.5;
    hyper["damping"] = 0.25;
    hyper["weight_decay"] = 0.25;
    Single single("ada_fisher", hyper, 2);
    single.step(0.5, 0.75);
    CHECK(single.slot(0) == 0.25F);
    CHECK(single.slot(1) == 0.75F);
    CHECK(single.parameter() == 1.5F); // 2 - (0.125 2 + (0.5 / 0.5) 0.25 / 1)
    single.step(0.5);                  // the diagonal stays, and the correction is 0.75
    CHECK(single.slot(0) == 0.375F);
    CHECK(single.slot(1) == 0.75F);
    CHECK(single.parameter() == near(1.0625)); // 1.5 - (0.125 1.5 + (0.5 / 0.75) 0.375 / 1)
    single.step(0.3125, 0.25);                 // 0.25 replaces 0.75
    CHECK(single.slot(0) == 0.34375F);
    CHECK(single.slot(1) == 0.25F);
    // 1.0625 - (0.125 1.0625 + (0.5 / 0.875) 0.34375 / 0.5)
    CHECK(single.parameter() == near(0.9296875 - 0.5 / 0.875 * 0.6875));
}

TEST_CASE("ada-fisher keeps the curvature's sign when maximizing, and starts from damping alone") {
    Settings hyper;
    hyper["learning_rate"] = 0.5;
    hyper["damping"] = 0.25;
    hyper["maximize"] = 1;
    Single single("ada_fisher", hyper, 2);
    single.step(0.5);
    CHECK(single.slot(0) == -0.5F);
    CHECK(single.slot(1) == 0);
    CHECK(single.parameter() == 3); // 2 + 0.5 0.5 / 0.25
    single.step(0.5, 0.75);
    CHECK(single.slot(1) == 0.75F);
    CHECK(single.parameter() == 3.25F); // 3 + 0.5 0.5 / 1
}

TEST_CASE("the schedule's factor multiplies the learning rate, and its momentum replaces ours") {
    Settings hyper = sgd(0.5);
    hyper["momentum"] = 0.5;
    Single single("sgd_momentum", hyper, 2);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    single.problem.schedule = {{4, 0.25, 3}, {0.5, nan, 1}, {2, 0.75, 2}}; // of steps 3, 1 and 2
    single.step(1);
    CHECK(single.parameter() == 1.75F); // 2 - 0.25 1
    single.step(1);
    CHECK(single.slot(0) == 1.75F); // 0.75 1 + 1
    CHECK(single.parameter() == 0); // 1.75 - 1 1.75
    single.step(1);
    CHECK(single.slot(0) == 1.4375F);     // 0.25 1.75 + 1
    CHECK(single.parameter() == -2.875F); // 0 - 2 1.4375
}

TEST_CASE("the schedule's momentum replaces beta1") {
    Single single("adam", halves(0.1, 0), 2);
    single.problem.schedule = {{1, 0.75, 0}};
    single.step(8);
    CHECK(single.slot(0) == 2);
    CHECK(single.slot(1) == 32);
}
