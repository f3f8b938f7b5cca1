package lorikeet.peft.report;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Shows a page to browsers on this machine, and keeps it up to date by server-sent events (WHATWG HTML, section 9.2). Who
 * comes, or comes back, is told everything so far first. Slow browsers do not slow down whoever sends.
 */
final class LivePage implements AutoCloseable {
    /** Messages that may wait for one browser; then it is let go, and will come back. */
    private static final int BACKLOG = 10_000;
    private static final int SILENCE_SECONDS = 10;
    private static final int LEAVE_SECONDS = 2;
    private static final String END = "event: end\ndata: {}\n\n", LET_GO = "";

    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Supplier<String> data;
    private final Set<BlockingQueue<String>> watching = ConcurrentHashMap.newKeySet();
    private final Set<String> names;
    private volatile boolean closed;

    /**
     * @param port 0 = one that is free
     * @param data all so far, as {@link Page#json} writes it
     * @throws IOException if the port is not free
     */
    LivePage(int port, Supplier<String> data) throws IOException {
        this.data = data;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        int bound = server.getAddress().getPort();
        names = Set.of("127.0.0.1:" + bound, "localhost:" + bound, "[::1]:" + bound);
        server.createContext("/", this::answer);
        server.setExecutor(threads);
        server.start();
    }

    String address() {
        return "http://" + InetAddress.getLoopbackAddress().getHostAddress() + ":" + server.getAddress().getPort()
                + "/";
    }

    /** Tells all who watch. */
    void send(String event, String json) {
        var message = message(event, json);
        for (var queue : watching) {
            if (!queue.offer(message)) {
                queue.clear();
                queue.offer(LET_GO);
            }
        }
    }

    private static String message(String event, String json) {
        return "event: " + event + "\ndata: " + json + "\n\n";
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            // A page from elsewhere may have its own name point to this machine (DNS rebinding), but cannot change this header.
            if (!names.contains(exchange.getRequestHeaders().getFirst("Host"))) {
                refuse(exchange, 403);
            } else if (!exchange.getRequestMethod().equals("GET")) {
                exchange.getResponseHeaders().set("Allow", "GET");
                refuse(exchange, 405);
            } else {
                switch (exchange.getRequestURI().getPath()) {
                    case "/" -> page(exchange);
                    case "/events" -> events(exchange);
                    default -> refuse(exchange, 404);
                }
            }
        }
    }

    private static void refuse(HttpExchange exchange, int status) throws IOException {
        exchange.sendResponseHeaders(status, -1);
    }

    private void page(HttpExchange exchange) throws IOException {
        var html = Page.html(data.get()).getBytes(StandardCharsets.UTF_8);
        describe(exchange, "text/html; charset=utf-8");
        exchange.getResponseHeaders().set("Content-Security-Policy", "frame-ancestors 'none'");
        exchange.sendResponseHeaders(200, html.length);
        exchange.getResponseBody().write(html);
    }

    private static void describe(HttpExchange exchange, String type) {
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
        exchange.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
    }

    private void events(HttpExchange exchange) throws IOException {
        var queue = new LinkedBlockingQueue<String>(BACKLOG);
        watching.add(queue);
        if (closed) {
            queue.add(END);
        }
        describe(exchange, "text/event-stream");
        exchange.sendResponseHeaders(200, 0);
        try {
            pass(message("run", data.get()), queue, exchange.getResponseBody());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            watching.remove(queue);
        }
    }

    /** Passes on what there is to say, until the end or until the browser has gone, which shows when writing. */
    private static void pass(String first, BlockingQueue<String> queue, OutputStream out)
            throws IOException, InterruptedException {
        for (var next = first; !LET_GO.equals(next); next = queue.poll(SILENCE_SECONDS, TimeUnit.SECONDS)) {
            out.write((next == null ? ": still here\n\n" : next).getBytes(StandardCharsets.UTF_8));
            out.flush();
            if (END.equals(next)) {
                return;
            }
        }
    }

    /** Sends the end to all who watch, after all that was sent before. */
    @Override
    public void close() {
        closed = true;
        for (var queue : watching) {
            queue.offer(END);
        }
        threads.shutdown();
        try {
            threads.awaitTermination(LEAVE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        server.stop(0);
        threads.shutdownNow();
    }
}
