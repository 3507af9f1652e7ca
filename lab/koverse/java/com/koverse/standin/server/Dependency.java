package com.koverse.standin.server;

/**
 * Something the server cannot do without, asked again and again in a thread of its own: a client that hangs delays no other
 * check, and shows as an answer that does not come.
 */
final class Dependency {
    /** Returns when the dependency serves, throws with the reason when not. */
    interface Check {
        void run() throws Exception;
    }

    private static final int RETRY_MILLIS = 250;
    private static final int PATIENCE_SECONDS = 15;
    private static final String UNDER_WAY = "check under way";

    final String name;
    private final Dependency needs;
    private final Check check;
    private final int intervalSeconds;
    private volatile String problem = UNDER_WAY;
    private volatile long answeredAt = System.nanoTime();

    Dependency(String name, int intervalSeconds, Check check) {
        this(name, null, intervalSeconds, check);
    }

    /** One that is not asked while another, which it needs itself, does not serve. */
    Dependency(String name, Dependency needs, int intervalSeconds, Check check) {
        this.name = name;
        this.needs = needs;
        this.intervalSeconds = intervalSeconds;
        this.check = check;
    }

    /** Asks for as long as the process lives: at the interval while the dependency serves, more often while it does not. */
    void watch() {
        Thread thread = new Thread(() -> {
            while (true) {
                if (needsServe()) {
                    ask();
                } else {
                    answer(UNDER_WAY);
                }
                try {
                    Thread.sleep(problem == null ? intervalSeconds * 1000L : RETRY_MILLIS);
                } catch (InterruptedException e) {
                    return;
                }
            }
        }, "check " + name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Null while the dependency serves, else the reason why it does not. */
    String problem() {
        if (!needsServe()) {
            return needs.name + " comes first";
        }
        long silentSeconds = (System.nanoTime() - answeredAt) / 1_000_000_000;
        int patience = intervalSeconds + PATIENCE_SECONDS;
        return silentSeconds > patience ? "no answer for more than " + patience + " s" : problem;
    }

    private boolean needsServe() {
        return needs == null || needs.problem() == null;
    }

    private void ask() {
        String answer = null;
        try {
            check.run();
        } catch (Exception | LinkageError e) {
            answer = reason(e);
        }
        answer(answer);
    }

    private void answer(String answer) {
        problem = answer;
        answeredAt = System.nanoTime();
    }

    /** The first line of what an exception says; one that only wraps another says nothing itself. */
    static String reason(Throwable e) {
        Throwable telling = e;
        while (telling.getCause() != null && telling.getCause().toString().equals(telling.getMessage())) {
            telling = telling.getCause();
        }
        String message = telling instanceof Error ? telling.toString() : telling.getMessage();
        return message == null || message.isEmpty() ? telling.getClass().getSimpleName() : message.split("\n", 2)[0].trim();
    }
}
