import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jpmml.evaluator.Evaluator;
import org.jpmml.evaluator.EvaluatorUtil;
import org.jpmml.evaluator.FieldValue;
import org.jpmml.evaluator.InputField;
import org.jpmml.evaluator.LoadingModelEvaluatorBuilder;

/**
 * Says what JPMML-Evaluator makes of a document and rows.
 *
 * <p>One request per line of stdin, {"document": text, "rows": [{field: value}]}; one reply per line of
 * stdout, {"rows": [{"outputs": {}} or {"error": text}]} or {"error": text}.
 */
public final class Referee {
  private static final Gson GSON =
      new GsonBuilder().serializeNulls().serializeSpecialFloatingPointValues().create();

  public static void main(String[] arguments) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(GSON.toJson(reply(GSON.fromJson(line, JsonObject.class))));
      out.flush();
    }
  }

  private static JsonObject reply(JsonObject request) {
    JsonObject reply = new JsonObject();
    try {
      byte[] document = request.get("document").getAsString().getBytes(StandardCharsets.UTF_8);
      Evaluator evaluator =
          new LoadingModelEvaluatorBuilder().load(new ByteArrayInputStream(document)).build();
      JsonArray rows = new JsonArray();
      for (JsonElement row : request.getAsJsonArray("rows")) {
        rows.add(scored(evaluator, row.getAsJsonObject()));
      }
      reply.add("rows", rows);
    } catch (Exception | Error error) {
      reply.addProperty("error", error.toString());
    }
    return reply;
  }

  private static JsonObject scored(Evaluator evaluator, JsonObject row) {
    JsonObject scored = new JsonObject();
    try {
      Map<String, FieldValue> arguments = new LinkedHashMap<>();
      for (InputField field : evaluator.getInputFields()) {
        arguments.put(field.getName(), field.prepare(plain(row.get(field.getName()))));
      }
      JsonObject outputs = new JsonObject();
      EvaluatorUtil.decodeAll(evaluator.evaluate(arguments))
          .forEach((name, value) -> outputs.add(String.valueOf(name), json(value)));
      scored.add("outputs", outputs);
    } catch (Exception error) {
      scored.addProperty("error", error.toString());
    }
    return scored;
  }

  private static Object plain(JsonElement value) {
    if (value == null || value.isJsonNull()) {
      return null;
    }
    JsonPrimitive primitive = value.getAsJsonPrimitive();
    if (primitive.isBoolean()) {
      return primitive.getAsBoolean();
    }
    if (primitive.isString()) {
      return primitive.getAsString();
    }
    String text = primitive.getAsString();
    if (text.matches("-?\\d+")) {
      return Integer.valueOf(text);
    }
    return Double.valueOf(text);
  }

  private static JsonElement json(Object value) {
    if (value == null) {
      return JsonNull.INSTANCE;
    }
    if (value instanceof Boolean) {
      return new JsonPrimitive((Boolean) value);
    }
    if (value instanceof Number) {
      return new JsonPrimitive((Number) value);
    }
    return new JsonPrimitive(value.toString());
  }
}
