import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigInteger;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.Template;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.event.EventCartridge;
import org.apache.velocity.app.event.ReferenceInsertionEventHandler;
import org.apache.velocity.runtime.RuntimeInstance;
import org.apache.velocity.runtime.parser.ParseException;
import org.apache.velocity.util.introspection.Info;
import org.apache.velocity.util.introspection.UberspectImpl;
import org.apache.velocity.util.introspection.VelMethod;

/**
 * Renders API Gateway mapping templates with Apache Velocity 1.7.
 *
 * <p>Each line of standard input is {@code {"template": ..., "requests": [...], "missing": [...]}}
 * with requests of the fields of {@code local.vtl.Request} and the names of methods that shall
 * not exist. It is answered by one line: {@code {"error": ...}} where Velocity refuses the
 * template, or {@code {"answers": [...]}} with one answer for each request. That is {@code {"text":
 * ..., "override": {"header": {...}}}} with what the template set in {@code
 * $context.responseOverride}, or {@code {"error": ...}} where Velocity fails on the request. Both
 * directions are ASCII, so no line depends on the platform's encoding.
 */
public final class Render {
    /** API Gateway stops a {@code #foreach} after this many iterations. */
    private static final int LOOP_LIMIT = 1000;

    private static final int TEMPLATES_KEPT = 100;

    private final RuntimeInstance engine = new RuntimeInstance();
    private final Map<String, Template> parsed = new HashMap<>();

    private Render() {
        engine.setProperty(
                "runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        engine.setProperty("velocimacro.library", "");
        engine.setProperty("velocimacro.permissions.allow.inline.local.scope", "true");
        engine.setProperty("directive.foreach.maxloops", String.valueOf(LOOP_LIMIT));
        engine.setProperty("runtime.introspector.uberspect", Introspector.class.getName());
        engine.init();
    }

    public static void main(String[] arguments) throws Exception {
        Render render = new Render();
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            answers.println(Json.write(render.answer(map(Json.read(line))), true));
        }
    }

    private Map<String, Object> answer(Map<String, Object> task) {
        Introspector.missing = (List<?>) task.get("missing");
        Template template;
        try {
            template = parse((String) task.get("template"));
        } catch (ParseException | RuntimeException refusal) {
            return error(refusal);
        }
        List<Object> answers = new ArrayList<>();
        for (Object request : (List<?>) task.get("requests")) {
            try {
                answers.add(render(template, map(request)));
            } catch (RuntimeException refusal) {
                answers.add(error(refusal));
            }
        }
        return Map.of("answers", answers);
    }

    private static Map<String, Object> error(Exception refusal) {
        return Map.of("error", String.valueOf(refusal.getMessage()));
    }

    private Template parse(String text) throws ParseException {
        if (parsed.size() > TEMPLATES_KEPT) {
            parsed.clear();
        }
        if (!parsed.containsKey(text)) {
            Template template = new Template();
            template.setName("template");
            template.setRuntimeServices(engine);
            template.setData(engine.parse(new StringReader(text), "template"));
            template.initDocument();
            parsed.put(text, template);
        }
        return parsed.get(text);
    }

    private Map<String, Object> render(Template template, Map<String, Object> request) {
        VelocityContext context = new VelocityContext();
        context.put("input", new Input(request));
        context.put("util", new Util());
        Map<String, Object> override = new LinkedHashMap<>();
        override.put("header", new LinkedHashMap<String, Object>());
        Map<String, Object> about = map(request.get("context"));
        about.put("responseOverride", override);
        context.put("context", about);
        // API Gateway renders a reference without a value as nothing; Velocity by itself would
        // write the reference's own text.
        EventCartridge events = new EventCartridge();
        events.addReferenceInsertionEventHandler(
                (ReferenceInsertionEventHandler) (reference, value) -> value == null ? "" : value);
        events.attachToContext(context);
        StringWriter output = new StringWriter();
        template.merge(context, output);
        return Map.of("text", output.toString(), "override", override);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(Object value) {
        return (Map<String, Object>) value;
    }

    /** Finds methods, but for those that shall not exist. */
    public static final class Introspector extends UberspectImpl {
        private static List<?> missing = List.of();

        @Override
        public VelMethod getMethod(Object owner, String name, Object[] arguments, Info where)
                throws Exception {
            return missing.contains(name) ? null : super.getMethod(owner, name, arguments, where);
        }
    }

    /** {@code $input}. */
    public static final class Input {
        private static final Pattern STEP =
                Pattern.compile("\\.([A-Za-z_][A-Za-z0-9_-]*)|\\['([^']*)'\\]|\\[([0-9]+)\\]");

        private final Map<String, Object> params = new LinkedHashMap<>();
        private final String body;

        Input(Map<String, Object> request) {
            params.put("path", request.get("path"));
            params.put("querystring", request.get("querystring"));
            params.put("header", request.get("headers"));
            body = (String) request.get("body");
        }

        public String getBody() {
            return body;
        }

        public Map<String, Object> params() {
            return params;
        }

        public Object params(String name) {
            return params.values().stream()
                    .map(part -> map(part).get(name))
                    .filter(Objects::nonNull)
                    .findFirst()
                    .orElse(null);
        }

        public Object path(String path) {
            Object node = Json.read(body);
            Matcher step = STEP.matcher(path);
            int end = 1;
            while (node != null && end < path.length() && step.find(end) && step.start() == end) {
                String name = step.group(1) != null ? step.group(1) : step.group(2);
                if (name != null) {
                    node = node instanceof Map ? map(node).get(name) : null;
                } else {
                    List<?> items = node instanceof List ? (List<?>) node : List.of();
                    int index = Integer.parseInt(step.group(3));
                    node = index < items.size() ? items.get(index) : null;
                }
                end = step.end();
            }
            return node;
        }

        public String json(String path) {
            return Json.write(path(path), false);
        }
    }

    /** {@code $util}. */
    public static final class Util {
        public String urlEncode(String text) {
            return URLEncoder.encode(text, StandardCharsets.UTF_8);
        }

        public String urlDecode(String text) {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        }

        public String escapeJavaScript(String text) {
            return StringEscapeUtils.escapeJavaScript(text);
        }

        public String base64Encode(String text) {
            return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
        }

        public String base64Decode(String text) {
            return new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
        }

        public Object parseJson(String text) {
            return Json.read(text);
        }
    }

    /** JSON to and from maps, lists, strings, numbers, booleans and null. */
    private static final class Json {
        private static final Pattern NUMBER =
                Pattern.compile("-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?");

        private static final String ESCAPED = "\"\\\b\f\n\r\t";
        private static final String ESCAPE_NAMES = "\"\\bfnrt";

        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static Object read(String text) {
            Json json = new Json(text);
            Object value = json.value();
            json.space();
            if (json.at < text.length()) {
                throw json.wrong();
            }
            return value;
        }

        private Object value() {
            space();
            if (took("{")) {
                Map<String, Object> members = new LinkedHashMap<>();
                for (boolean more = !closed("}"); more; more = !closed("}")) {
                    if (!members.isEmpty()) {
                        need(",");
                        space();
                    }
                    need("\"");
                    String name = string();
                    space();
                    need(":");
                    members.put(name, value());
                }
                return members;
            }
            if (took("[")) {
                List<Object> items = new ArrayList<>();
                for (boolean more = !closed("]"); more; more = !closed("]")) {
                    if (!items.isEmpty()) {
                        need(",");
                    }
                    items.add(value());
                }
                return items;
            }
            if (took("\"")) {
                return string();
            }
            if (took("true")) {
                return true;
            }
            if (took("false")) {
                return false;
            }
            if (took("null")) {
                return null;
            }
            Matcher number = NUMBER.matcher(text).region(at, text.length());
            if (!number.lookingAt()) {
                throw wrong();
            }
            at = number.end();
            if (number.group(1) != null || number.group(2) != null) {
                return Double.valueOf(number.group());
            }
            BigInteger whole = new BigInteger(number.group());
            if (whole.bitLength() > 63) {
                return whole;
            }
            return whole.bitLength() > 31 ? (Object) whole.longValue() : (Object) whole.intValue();
        }

        private String string() {
            StringBuilder string = new StringBuilder();
            while (!took("\"")) {
                if (!took("\\")) {
                    string.append(next());
                    continue;
                }
                char escaped = next();
                int named = ESCAPE_NAMES.indexOf(escaped);
                if (escaped == 'u') {
                    string.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                    at += 4;
                } else {
                    string.append(named >= 0 ? ESCAPED.charAt(named) : escaped);
                }
            }
            return string.toString();
        }

        private char next() {
            if (at >= text.length()) {
                throw wrong();
            }
            return text.charAt(at++);
        }

        private void space() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        private boolean took(String token) {
            boolean here = text.startsWith(token, at);
            at += here ? token.length() : 0;
            return here;
        }

        private boolean closed(String bracket) {
            space();
            return took(bracket);
        }

        private void need(String token) {
            if (!took(token)) {
                throw wrong();
            }
        }

        private IllegalArgumentException wrong() {
            return new IllegalArgumentException("not JSON at character " + at + ": " + text);
        }

        /** Writes compact JSON; with {@code ascii}, every character beyond ASCII is escaped. */
        static String write(Object value, boolean ascii) {
            if (value instanceof Map) {
                return map(value).entrySet().stream()
                        .map(e -> write(e.getKey(), ascii) + ":" + write(e.getValue(), ascii))
                        .collect(Collectors.joining(",", "{", "}"));
            }
            if (value instanceof List) {
                return ((List<?>) value).stream()
                        .map(item -> write(item, ascii))
                        .collect(Collectors.joining(",", "[", "]"));
            }
            if (!(value instanceof String)) {
                return String.valueOf(value);
            }
            StringBuilder out = new StringBuilder("\"");
            for (char unit : ((String) value).toCharArray()) {
                int named = ESCAPED.indexOf(unit);
                if (named >= 0) {
                    out.append('\\').append(ESCAPE_NAMES.charAt(named));
                } else if (unit < ' ' || ascii && unit > '~') {
                    out.append(String.format("\\u%04x", (int) unit));
                } else {
                    out.append(unit);
                }
            }
            return out.append('"').toString();
        }
    }
}
