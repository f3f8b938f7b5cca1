package lorikeet.kernels.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** The parameters of a kernel as its PTX declares them. The driver takes whatever it is given: so look first. */
record Signature(String kernel, List<Class<?>> parameters) {
    private static final Pattern PARAMETER = Pattern.compile("\\.param\\s+\\.([usbf])(32|64)\\s");

    /** Reads the parameter list of {@code .entry kernel(…)}. */
    static Signature of(String ptx, String kernel) {
        int entry = ptx.indexOf(".entry " + kernel + "(");
        if (entry < 0) {
            throw new IllegalArgumentException("there is no kernel " + kernel + " in this module");
        }
        var list = ptx.substring(entry, ptx.indexOf(')', entry));
        var parameters = new ArrayList<Class<?>>();
        for (var match = PARAMETER.matcher(list); match.find();) {
            parameters.add(match.group(2).equals("64")
                    ? Long.class
                    : match.group(1).equals("f") ? Float.class : Integer.class);
        }
        if (parameters.size() != list.split("\\.param", -1).length - 1) {
            throw new IllegalArgumentException("kernel " + kernel + " has parameters that cannot be passed: " + list);
        }
        return new Signature(kernel, List.copyOf(parameters));
    }

    void check(Object... arguments) {
        boolean fits = arguments.length == parameters.size();
        for (int i = 0; fits && i < arguments.length; i++) {
            fits = arguments[i].getClass() == parameters.get(i);
        }
        if (!fits) {
            throw new IllegalArgumentException("kernel " + kernel + " takes " + names(parameters) + ", got "
                    + names(Arrays.stream(arguments).map(Object::getClass).toList()));
        }
    }

    private static List<String> names(List<? extends Class<?>> types) {
        return types.stream().map(Class::getSimpleName).toList();
    }
}
