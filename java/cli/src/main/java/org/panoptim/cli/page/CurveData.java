package org.panoptim.cli.page;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;

import java.util.List;
import java.util.stream.Collector;

/**
 * Charts and curves as a page's script reads them, in JSON that may stand in a script element:
 * {@code <}, {@code >} and {@code &} are escaped.
 */
final class CurveData {

    private CurveData() {}

    static String of(List<Chart> charts, List<Curve> curves) {
        var data = new JsonObject();
        data.add("charts", charts.stream().map(CurveData::chart).collect(array()));
        data.add("curves", curves.stream().map(CurveData::curve).collect(array()));
        return new Gson().toJson(data);
    }

    private static JsonElement chart(Chart chart) {
        var object = new JsonObject();
        object.addProperty("id", chart.id());
        object.add("across", chart.across().stream().map(CurveData::axis).collect(array()));
        object.add("upwards", axis(chart.upwards()));
        return object;
    }

    private static JsonElement axis(Axis axis) {
        var object = new JsonObject();
        object.addProperty("column", axis.column());
        object.addProperty("title", axis.title());
        object.addProperty("scale", axis.scale().id());
        axis.least().ifPresent(value -> object.addProperty("least", value));
        axis.most().ifPresent(value -> object.addProperty("most", value));
        return object;
    }

    private static JsonElement curve(Curve curve) {
        var object = new JsonObject();
        object.addProperty("name", curve.name());
        object.add("samples", curve.samples().stream().map(CurveData::samples).collect(array()));
        return object;
    }

    private static JsonElement samples(Samples samples) {
        var object = new JsonObject();
        samples.columns()
                .forEach(
                        (name, values) -> {
                            var column = new JsonArray(values.length);
                            for (double value : values) {
                                column.add(number(value));
                            }
                            object.add(name, column);
                        });
        return object;
    }

    /**
     * Whole numbers are exact, others as near as a float where there is one so large or small. What
     * is not finite is text, since JSON has no such numbers.
     */
    private static JsonPrimitive number(double value) {
        if (value == (long) value) {
            return new JsonPrimitive((long) value);
        }
        if (!Double.isFinite(value)) {
            return new JsonPrimitive(String.valueOf(value));
        }
        float near = (float) value;
        return Float.isFinite(near) && near != 0
                ? new JsonPrimitive(near)
                : new JsonPrimitive(value);
    }

    private static Collector<JsonElement, JsonArray, JsonArray> array() {
        return Collector.of(
                JsonArray::new,
                JsonArray::add,
                (one, other) -> {
                    one.addAll(other);
                    return one;
                });
    }
}
