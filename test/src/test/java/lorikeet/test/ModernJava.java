package lorikeet.test;

import module java.base;

/** Java up to 25 in small pieces: the formatter that {@code mvn verify} runs has to read every one of them. */
final class ModernJava {
    sealed interface Shape permits Circle, Box, Pair {}

    record Circle(double radius) implements Shape {}

    record Box(double width, double height) implements Shape {}

    record Pair<A extends Shape, B extends Shape>(A first, B second) implements Shape {
        Pair {
            if (first == null || second == null) {
                throw new IllegalArgumentException("a pair needs two shapes");
            }
        }
    }

    /** The flexible constructor body of Java 25: a statement before {@code super}. */
    static final class Positive extends Number {
        private static final long serialVersionUID = 1L;
        private final int value;

        Positive(int value) {
            if (value <= 0) {
                throw new IllegalArgumentException("not positive: " + value);
            }
            this.value = value;
            super();
        }

        @Override
        public int intValue() {
            return value;
        }

        @Override
        public long longValue() {
            return value;
        }

        @Override
        public float floatValue() {
            return value;
        }

        @Override
        public double doubleValue() {
            return value;
        }
    }

    private ModernJava() {}

    static double area(Shape shape) {
        return switch (shape) {
            case Circle(var radius) -> Math.PI * radius * radius;
            case Box(double width, double height) when width == height -> width * width;
            case Box(var width, var height) -> width * height;
            case Pair<?, ?>(Circle(_), var second) -> area(second);
            case Pair<?, ?>(var first, _) -> area(first);
        };
    }

    static String describe(Object value) {
        return switch (value) {
            case null -> "nothing";
            case Circle _ -> "round";
            case Integer i when i > 9 -> {
                var digits = Integer.toString(i).length();
                yield digits + " digits";
            }
            case int[] numbers -> Arrays.stream(numbers)
                    .mapToObj(Integer::toString)
                    .collect(Collectors.joining(", ", "[", "]"));
            default -> """
                    something
                      else""";
        };
    }

    static int countCircles(List<? extends Shape> shapes) {
        int count = 0;
        for (var shape : shapes) {
            if (shape instanceof Pair<?, ?>(Circle(var radius), Shape _) && radius > 0) {
                count++;
            }
        }
        return count;
    }

    static int parse(String text, int otherwise) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException _) {
            return otherwise;
        }
    }

    static final int[][] TABLE = {{1, 2}, {3, 4}};

    static final Comparator<Shape> BY_AREA = (a, b) -> Double.compare(area(a), area(b));

    static final BinaryOperator<Shape> FIRST = (first, _) -> first;
}
