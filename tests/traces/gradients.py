"""Where the gradients of the traces come from.

A source has `initial()`, the parameters at the start, and `at(step, parameters)`, the gradients and
curvatures of one step, from step 1 on, given the parameters before it. Steps are asked for once
and in order. All arrays are float32, by name. Random numbers are from numpy's PCG64, and powers of
two are exact, so that the same seed gives the same bits everywhere.
"""

import numpy as np

SHAPES = {"weight": (7, 5), "bias": (13,), "scale": ()}


class Gaussian:
    """Normal gradients around a mean of each element's own, so that momentum has a direction."""

    def __init__(self, seed, shapes=None):
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._shapes = shapes or SHAPES
        self._initial = self._draw()
        self._mean = self._draw()

    def _draw(self):
        return {
            name: np.asarray(self._random.standard_normal(shape), np.float32)
            for name, shape in self._shapes.items()
        }

    def initial(self):
        return self._initial

    def at(self, step, parameters):
        noise = self._draw()
        return {name: np.asarray(self._mean[name] + noise[name]) for name in noise}, {}


class Gaps:
    """Another source, but parameters with steps listed for them have gradients only in those."""

    def __init__(self, source, steps):
        self._source = source
        self._steps = steps

    def initial(self):
        return self._source.initial()

    def at(self, step, parameters):
        gradients, curvatures = self._source.at(step, parameters)
        present = [name for name in gradients if step in self._steps.get(name, (step,))]
        return {name: gradients[name] for name in present}, curvatures


class Near:
    """Another source, but with starts that are smaller by the power of two of the exponent."""

    def __init__(self, source, exponent):
        self._source = source
        self._exponent = exponent

    def initial(self):
        return {
            name: np.asarray(np.ldexp(value, self._exponent))
            for name, value in self._source.initial().items()
        }

    def at(self, step, parameters):
        return self._source.at(step, parameters)


class Zeros:
    """Another source, but with gradients of zero: from the first element on every fifth in all
    steps, and every third in steps 4, 8, 12…"""

    def __init__(self, source):
        self._source = source

    def initial(self):
        return self._source.initial()

    def at(self, step, parameters):
        gradients, curvatures = self._source.at(step, parameters)
        for gradient in gradients.values():
            flat = gradient.reshape(-1)
            flat[::5] = 0
            if step % 4 == 0:
                flat[::3] = 0
        return gradients, curvatures


class Columns:
    """Another source, but with a column of a matrix for each vector."""

    def __init__(self, source):
        self._source = source
        self._vectors = {}

    def initial(self):
        values = self._source.initial()
        self._vectors = {name: value.shape for name, value in values.items() if value.ndim == 1}
        return self._turned(values)

    def at(self, step, parameters):
        inner = {
            name: value.reshape(self._vectors.get(name, value.shape))
            for name, value in parameters.items()
        }
        gradients, curvatures = self._source.at(step, inner)
        return self._turned(gradients), self._turned(curvatures)

    def _turned(self, values):
        return {
            name: value.reshape(-1, 1) if name in self._vectors else value
            for name, value in values.items()
        }


class Curvature:
    """Another source, with random curvatures added in the steps given: as `sampled` labels would
    give them, gradients of either sign; as `hutchinson` would, mostly positive, of all sizes; as
    `fisher` diagonals, products of two factors of their own in [0, 1)."""

    def __init__(self, source, seed, kind, steps, size):
        self._source = source
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._kind = {
            "sampled": self._sampled, "hutchinson": self._hutchinson, "fisher": self._fisher,
        }[kind]
        self._steps = steps
        self._size = size

    def initial(self):
        return self._source.initial()

    def at(self, step, parameters):
        gradients, _ = self._source.at(step, parameters)
        if step not in self._steps:
            return gradients, {}
        return gradients, {
            name: np.asarray(self._size * self._kind(gradient.shape), np.float32)
            for name, gradient in gradients.items()
        }

    def _sampled(self, shape):
        return self._random.standard_normal(shape)

    def _hutchinson(self, shape):
        """v * Hv where H has ones in its diagonal and something beside it."""
        v = self._random.standard_normal(shape)
        return v * (v + 0.7 * self._random.standard_normal(shape))

    def _fisher(self, shape):
        """The Kronecker product of a diagonal for each axis, of which the first has a zero."""
        product = np.ones(())
        for axis, length in enumerate(shape or (1,)):
            diagonal = self._random.random(length)
            if axis == 0 and shape:
                diagonal[0] = 0
            product = np.multiply.outer(product, diagonal)
        return product.reshape(shape)


class Magnitudes:
    """Gradients whose sizes span much of what float32 holds, each element keeping its own.

    The sizes run from two to the one to two to the other exponent given for a parameter, evenly
    over its elements; but the first element's gradient is always zero. A parameter without
    dimensions has a random size from its range in each step. Parameters named in `from_zero` start
    at zero, where the smallest steps can be seen.
    """

    def __init__(self, seed, shapes, exponents, from_zero=()):
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._shapes = shapes
        self._exponents = exponents
        self._from_zero = from_zero

    def initial(self):
        values = {
            name: np.asarray(self._random.standard_normal(shape), np.float32)
            for name, shape in self._shapes.items()
        }
        return values | {name: np.zeros_like(values[name]) for name in self._from_zero}

    def at(self, step, parameters):
        return {
            name: self._spread(shape, *self._exponents[name])
            if shape else self._jumping(*self._exponents[name])
            for name, shape in self._shapes.items()
        }, {}

    def _spread(self, shape, low, high):
        exponents = np.linspace(low, high, np.prod(shape)).round().astype(int)
        gradient = self._sized(exponents)
        gradient[0] = 0
        return gradient.reshape(shape)

    def _jumping(self, low, high):
        return self._sized(self._random.integers(low, high, endpoint=True))

    def _sized(self, exponents):
        """Random numbers of either sign, of 1 to 2 times two to the exponents."""
        sign = np.where(self._random.random(np.shape(exponents)) < 0.5, -1.0, 1.0)
        value = sign * (1 + self._random.random(np.shape(exponents)))
        return np.asarray(np.ldexp(value, exponents), np.float32)


class Patterns:
    """Parameters of which element i starts at `starts[i]` and has the gradients `patterns[i]`,
    repeated for ever."""

    def __init__(self, starts, patterns):
        self._starts = np.array(starts, np.float32)
        self._patterns = patterns

    def initial(self):
        return {"value": self._starts, "last": self._starts[-1:].copy()}

    def at(self, step, parameters):
        value = np.array([pattern[(step - 1) % len(pattern)] for pattern in self._patterns],
                         np.float32)
        return {"value": value, "last": value[-1:].copy()}, {}


class Logistic:
    """Softmax regression on 60 random points of 5 features in 4 classes, by the whole batch.

    Gradients and curvatures are those of the mean loss at the parameters that the float32 run has
    reached, worked out in double and rounded. `curvature` is None, "sampled" (the gradient on
    labels drawn from the model), "hutchinson" (v * Hv for a normal v) or "fisher" (the Kronecker
    product of the normalised diagonals of the layer's two factors), taken every `every` steps from
    the first.
    """

    POINTS, FEATURES, CLASSES = 60, 5, 4

    def __init__(self, seed, curvature=None, every=1):
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._points = self._random.standard_normal((self.POINTS, self.FEATURES))
        teacher = self._random.standard_normal((self.CLASSES, self.FEATURES))
        noise = self._random.standard_normal((self.POINTS, self.CLASSES))
        self._labels = np.argmax(self._product(self._points, teacher) + noise, axis=1)
        self._curvature = {
            None: None, "sampled": self._sampled_gradient, "hutchinson": self._hutchinson,
            "fisher": self._fisher,
        }[curvature]
        self._every = every

    def initial(self):
        weight = 0.1 * self._random.standard_normal((self.CLASSES, self.FEATURES))
        return {"weight": np.float32(weight), "bias": np.zeros(self.CLASSES, np.float32)}

    def at(self, step, parameters):
        chances = self._probabilities(parameters)
        gradients = self._pulled_back(chances - self._one_hot(self._labels))
        refresh = self._curvature is not None and (step - 1) % self._every == 0
        return _rounded(gradients), _rounded(self._curvature(chances)) if refresh else {}

    def loss(self, parameters):
        """The mean cross-entropy, to show that the recorded runs do learn."""
        chances = self._probabilities(parameters)
        return -np.mean(np.log(chances[np.arange(self.POINTS), self._labels]))

    def _probabilities(self, parameters):
        logits = self._logits({name: np.float64(value) for name, value in parameters.items()})
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    def _logits(self, parameters):
        return self._product(self._points, parameters["weight"]) + parameters["bias"]

    def _sampled_gradient(self, chances):
        draws = self._random.random((self.POINTS, 1))
        labels = np.minimum((np.cumsum(chances, axis=1) < draws).sum(axis=1), self.CLASSES - 1)
        return self._pulled_back(chances - self._one_hot(labels))

    def _hutchinson(self, chances):
        v = {
            "weight": self._random.standard_normal((self.CLASSES, self.FEATURES)),
            "bias": self._random.standard_normal(self.CLASSES),
        }
        slope = self._logits(v)
        change = chances * (slope - np.sum(chances * slope, axis=1, keepdims=True))
        product = self._pulled_back(change)
        return {name: v[name] * product[name] for name in v}

    def _fisher(self, chances):
        """With the inputs' last feature a one, whose weight is the bias."""
        inputs = np.append(np.mean(self._points**2, axis=0), 1.0)
        outputs = np.mean((chances - self._one_hot(self._labels)) ** 2, axis=0)
        product = np.multiply.outer(_normalised(outputs), _normalised(inputs))
        return {"weight": product[:, :-1], "bias": product[:, -1]}

    def _pulled_back(self, outputs):
        """The gradient of the mean loss from its derivatives by the logits, one row a point."""
        return {
            "weight": np.einsum("nc,nf->cf", outputs, self._points) / self.POINTS,
            "bias": np.sum(outputs, axis=0) / self.POINTS,
        }

    def _one_hot(self, labels):
        return np.eye(self.CLASSES)[labels]

    @staticmethod
    def _product(points, matrix):
        """points times the matrix's transpose, without BLAS, whose sums depend on the processor."""
        return np.einsum("nf,cf->nc", points, matrix)


def _normalised(diagonal):
    """Moved and scaled into [0, 1)."""
    low = diagonal.min()
    return (diagonal - low) / (diagonal.max() - low + 1e-6)


def _rounded(arrays):
    return {name: np.asarray(value, np.float32) for name, value in arrays.items()}
