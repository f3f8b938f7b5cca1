package lorikeet.peft.lessons;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** A student's Java file, compiled in memory, whose static methods are called through an interface. */
final class StudentCode extends ClassLoader {
    private static final int MOST_ERRORS = 3;

    private final Map<String, ByteArrayOutputStream> classes;

    private StudentCode(Map<String, ByteArrayOutputStream> classes) {
        super(StudentCode.class.getClassLoader());
        this.classes = classes;
    }

    /**
     * Compiles a file.
     *
     * @param name of the class in it
     * @param task has a method for each static one that the class must have, of the same name and types
     * @throws Mistake if it does not compile, or a method is missing; whatever goes wrong in a method is one as well
     */
    static <T> T in(Path file, String name, Class<T> task) throws IOException {
        var methods = new HashMap<Method, Method>();
        var type = new StudentCode(compile(file)).type(file, name);
        for (var asked : task.getDeclaredMethods()) {
            methods.put(asked, find(file, type, asked));
        }
        return task.cast(Proxy.newProxyInstance(task.getClassLoader(), new Class<?>[] {task},
                (_, asked, arguments) -> call(file, methods.get(asked), arguments)));
    }

    // ---- compiling ---------------------------------------------------------------------------------------------------

    private static Map<String, ByteArrayOutputStream> compile(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(file.toString());
        }
        var compiler = ToolProvider.getSystemJavaCompiler();
        if (compiler == null) {
            throw new IllegalStateException("this Java has no compiler; it takes a JDK");
        }
        var found = new DiagnosticCollector<JavaFileObject>();
        try (var disk = compiler.getStandardFileManager(found, Locale.ROOT, StandardCharsets.UTF_8);
                var memory = new ClassesInMemory(disk)) {
            var options = List.of("-proc:none", "-Xlint:none", "-implicit:none", "-classpath",
                    System.getProperty("java.class.path"));
            if (!compiler.getTask(null, memory, found, options, null, disk.getJavaFileObjects(file)).call()) {
                throw new Mistake(errors(file, found));
            }
            return memory.classes;
        }
    }

    private static String errors(Path file, DiagnosticCollector<JavaFileObject> found) throws IOException {
        var lines = new String(Files.readAllBytes(file), StandardCharsets.UTF_8).lines().toList();
        return found.getDiagnostics().stream()
                .filter(diagnostic -> diagnostic.getKind() == Diagnostic.Kind.ERROR)
                .limit(MOST_ERRORS)
                .map(error -> error(file, lines, error)).collect(Collectors.joining("\n"));
    }

    private static String error(Path file, List<String> lines, Diagnostic<?> error) {
        int line = (int) error.getLineNumber();
        var message = error.getMessage(Locale.ROOT).replaceAll("\\s+", " ");
        return line < 1 || line > lines.size()
                ? file.getFileName() + ": " + message
                : "%s, line %d: %s%n    %s".formatted(file.getFileName(), line, message, lines.get(line - 1).strip());
    }

    /** Sources come from the disk, classes go nowhere. */
    private static final class ClassesInMemory extends ForwardingJavaFileManager<StandardJavaFileManager> {
        private final Map<String, ByteArrayOutputStream> classes = new HashMap<>();

        private ClassesInMemory(StandardJavaFileManager disk) {
            super(disk);
        }

        @Override
        public JavaFileObject getJavaFileForOutput(Location location, String className, JavaFileObject.Kind kind,
                FileObject source) {
            return new SimpleJavaFileObject(URI.create("memory:///" + className), kind) {
                @Override
                public OutputStream openOutputStream() {
                    return classes.computeIfAbsent(className, _ -> new ByteArrayOutputStream());
                }
            };
        }
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        if (!classes.containsKey(name)) {
            throw new ClassNotFoundException(name);
        }
        var bytes = classes.get(name).toByteArray();
        return defineClass(name, bytes, 0, bytes.length);
    }

    private Class<?> type(Path file, String name) {
        try {
            return findClass(name);
        } catch (ClassNotFoundException _) {
            throw new Mistake(file.getFileName() + " has no class " + name + " outside of packages");
        }
    }

    private static Method find(Path file, Class<?> type, Method asked) {
        try {
            var method = type.getDeclaredMethod(asked.getName(), asked.getParameterTypes());
            if (Modifier.isStatic(method.getModifiers()) && method.getReturnType() == asked.getReturnType()) {
                method.setAccessible(true);
                return method;
            }
        } catch (NoSuchMethodException _) {
            // said below
        }
        throw new Mistake("%s has no method `static %s %s(%s)`".formatted(file.getFileName(),
                asked.getReturnType().getSimpleName(), asked.getName(),
                Stream.of(asked.getParameterTypes()).map(Class::getSimpleName).collect(Collectors.joining(", "))));
    }

    // ---- running -----------------------------------------------------------------------------------------------------

    private static Object call(Path file, Method method, Object... arguments) throws IllegalAccessException {
        // what a method answers must not depend on an earlier one having written to its arguments
        boolean writes = method.getReturnType() == void.class;
        try {
            var result =
                    method.invoke(null, writes ? arguments : Stream.of(arguments).map(StudentCode::copy).toArray());
            if (result == null && !writes) {
                throw new Mistake(method.getName() + " returns null");
            }
            return result;
        } catch (InvocationTargetException | ExceptionInInitializerError e) {
            throw new Mistake(failure(file, method, e.getCause()));
        }
    }

    private static Object copy(Object value) {
        return switch (value) {
            case double[][] rows -> Rows.copy(rows);
            case double[] row -> row.clone();
            case boolean[] row -> row.clone();
            default -> value;
        };
    }

    private static String failure(Path file, Method method, Throwable thrown) {
        var stack = thrown.getStackTrace();
        var place = Mistake.place(file, stack);
        return place + switch (thrown) {
            case UnsupportedOperationException _ when stack.length > 0
                    && file.getFileName().toString().equals(stack[0].getFileName()) ->
                method.getName() + " is still to be written";
            case StackOverflowError _ -> "StackOverflowError. Does a method call itself without end?";
            default -> thrown.toString().replaceFirst("^java\\.lang\\.", "");
        };
    }
}
