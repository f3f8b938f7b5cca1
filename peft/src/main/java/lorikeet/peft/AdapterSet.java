package lorikeet.peft;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import lorikeet.model.Decoder;

/**
 * Several adapters on one decoder, by name. At a time, one of them is in use, or several on top of each other, or none, or
 * each sequence of a batch uses its own.
 */
public final class AdapterSet implements AutoCloseable {
    /** The name under which a sequence uses no adapter. */
    public static final String BASE = "base";

    private final Decoder decoder;
    private final Map<String, Adapter> adapters = new LinkedHashMap<>();
    private List<String> used = List.of();
    private Mixture mixture;

    public AdapterSet(Decoder decoder) {
        this.decoder = decoder;
    }

    /** Attaches a method under a name; it alone is then in use. If that fails, everything is as before. */
    public Adapter attach(String name, Method method, long seed) {
        try {
            return add(name, () -> method.attach(decoder, seed));
        } catch (IOException e) {
            throw new IllegalStateException(e); // attaching reads nothing
        }
    }

    /** Attaches the adapter that a folder holds; it alone is then in use. If that fails, everything is as before. */
    public Adapter load(String name, Path folder) throws IOException {
        return add(name, () -> AdapterFolder.load(folder, decoder));
    }

    private interface Source {
        Adapter attach() throws IOException;
    }

    private Adapter add(String name, Source source) throws IOException {
        if (adapters.containsKey(name) || name.equals(BASE)) {
            throw new IllegalArgumentException("adapter \"" + name + "\" is there already");
        }
        var before = used;
        use(); // a new adapter meets the base as it is
        try {
            var adapter = source.attach();
            adapters.put(name, adapter);
            used = List.of(name);
            return adapter;
        } catch (IOException | RuntimeException | Error e) {
            use(before.toArray(String[]::new));
            throw e;
        }
    }

    /** All that there are, by name. */
    public Map<String, Adapter> adapters() {
        return Map.copyOf(adapters);
    }

    /** @throws IllegalArgumentException if there is none of that name */
    public Adapter get(String name) {
        var adapter = adapters.get(name);
        if (adapter == null) {
            throw new IllegalArgumentException("no adapter \"" + name + "\"; there are " + adapters.keySet());
        }
        return adapter;
    }

    /** The names of those in use, the first one nearest to the base; empty while sequences use their own. */
    public List<String> used() {
        return used;
    }

    /** Puts these in use, the first one nearest to the base, and no others; without any, the base is alone. */
    public void use(String... names) {
        var next = List.of(names).stream().map(this::get).toList();
        if (new HashSet<>(next).size() < next.size() || next.stream().filter(Adapter::changesBase).count() > 1) {
            throw new IllegalArgumentException("cannot use " + List.of(names) + " on top of each other: "
                    + "each at most once, and at most one that changes the base's own numbers");
        }
        unplug();
        next.forEach(Adapter::plug);
        used = List.of(names);
    }

    /**
     * From now on every batch has as many sequences as {@code names}, and each uses the adapter of its name, or none where
     * that is {@link #BASE}. Neighbours with the same adapter are computed together.
     *
     * @throws IllegalArgumentException if an adapter changes the base's own numbers or the number of rows
     */
    public void mix(List<String> names) {
        var chosen = new LinkedHashMap<String, Adapter>();
        for (var name : names) {
            if (!name.equals(BASE)) {
                chosen.put(name, get(name));
            }
        }
        var before = used;
        unplug();
        used = List.of();
        try {
            mixture = Mixture.of(decoder, chosen, names);
        } catch (RuntimeException e) {
            use(before.toArray(String[]::new));
            throw e;
        }
    }

    /** Detaches an adapter and frees it; others that are in use stay so, unless sequences used their own. */
    public void remove(String name) {
        var adapter = get(name);
        var rest = new ArrayList<>(used);
        rest.remove(name);
        use(rest.toArray(String[]::new));
        adapter.detach();
        adapters.remove(name);
    }

    private void unplug() {
        if (mixture != null) {
            mixture.unplug();
            mixture = null;
        }
        used.reversed().forEach(name -> get(name).unplug());
    }

    /** Removes all adapters. */
    @Override
    public void close() {
        Set.copyOf(adapters.keySet()).forEach(this::remove);
    }
}
