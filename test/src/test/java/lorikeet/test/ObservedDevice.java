package lorikeet.test;

import static net.bytebuddy.matcher.ElementMatchers.isAbstract;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.util.Set;
import lorikeet.kernels.Device;
import net.bytebuddy.ByteBuddy;
import net.bytebuddy.implementation.InvocationHandlerAdapter;

/** A device that reports every verb and allocation before another device runs it. Its memory has a ledger of its own. */
final class ObservedDevice {
    private static final Set<String> NO_VERBS = Set.of("name", "description", "precision", "capacity", "close");

    private ObservedDevice() {}

    interface Observer {
        /** What it throws, the verb throws, and does nothing else. */
        void before(String verb, Object[] arguments);
    }

    /** The subclass is made at run time, from whatever verbs there are, so that a new verb needs nothing here. */
    static Device of(Device device, Observer observer) throws ReflectiveOperationException {
        InvocationHandler handler = (self, method, arguments) -> {
            if (method.getName().equals("close")) {
                ((Device) self).memory().trim();
            }
            if (method.getName().equals("allocateRaw")
                    || Modifier.isPublic(method.getModifiers()) && !NO_VERBS.contains(method.getName())) {
                observer.before(method.getName(), arguments);
            }
            try {
                method.setAccessible(true);
                return method.invoke(device, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        };
        return new ByteBuddy().subclass(Device.class).method(isAbstract())
                .intercept(InvocationHandlerAdapter.of(handler)).make().load(Device.class.getClassLoader())
                .getLoaded().getConstructor().newInstance();
    }
}
