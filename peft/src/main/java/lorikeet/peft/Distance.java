package lorikeet.peft;

/**
 * How far numbers have moved.
 *
 * @param norm    Euclidean, of what they were
 * @param change  Euclidean norm of the difference since then
 * @param largest difference of a single number
 */
public record Distance(double norm, double change, double largest) {
    static final Distance NONE = new Distance(0, 0, 0);

    /** Of equally many numbers. */
    public static Distance between(float[] before, float[] now) {
        double squares = 0;
        double differences = 0;
        double largest = 0;
        for (int i = 0; i < before.length; i++) {
            double step = (double) now[i] - before[i];
            squares += (double) before[i] * before[i];
            differences += step * step;
            largest = Math.max(largest, Math.abs(step));
        }
        return new Distance(Math.sqrt(squares), Math.sqrt(differences), largest);
    }

    /** Of these numbers and others together. */
    Distance with(Distance others) {
        return new Distance(Math.hypot(norm, others.norm), Math.hypot(change, others.change),
                Math.max(largest, others.largest));
    }
}
