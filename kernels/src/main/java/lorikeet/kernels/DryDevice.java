package lorikeet.kernels;

import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A device without memory whose verbs compute nothing. It books every allocation in its {@link Ledger} as others do, so that a dry
 * run of any program says what a real one takes, on models of any size and in no time. What the libraries under a real device
 * use as scratch space is not known to it.
 */
public abstract class DryDevice extends Device {
    private static final MethodHandles.Lookup HERE = MethodHandles.lookup();
    private static final Class<?> VERBS = withVerbs();

    private Precision precision;
    private Copies copies;
    private long next = Memory.ALIGNMENT;

    DryDevice() {}

    /** What a device keeps of frozen matrices for its products. */
    public interface Copies {
        /** Books what a product of this batch size with the right factor {@code b} would make. */
        void book(Memory memory, Matrix b, int batch);
    }

    /** One whose products read frozen matrices where they are. */
    public static DryDevice of(Precision precision) {
        return of(precision, null);
    }

    /** One that keeps these copies of frozen matrices; null: none. */
    public static DryDevice of(Precision precision, Copies copies) {
        try {
            var device = (DryDevice) VERBS.getDeclaredConstructor().newInstance();
            device.precision = precision;
            device.copies = copies;
            return device;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The class with all verbs, each empty: made at run time, so that a new verb needs nothing here. */
    private static Class<?> withVerbs() {
        var parent = DryDevice.class.describeConstable().orElseThrow();
        var bytes = ClassFile.of().build(ClassDesc.of(DryDevice.class.getName() + "WithVerbs"), type -> {
            type.withSuperclass(parent);
            method(type, ConstantDescs.INIT_NAME, ConstantDescs.MTD_void, code -> code.aload(0)
                    .invokespecial(parent, ConstantDescs.INIT_NAME, ConstantDescs.MTD_void).return_());
            Arrays.stream(Device.class.getDeclaredMethods()).filter(DryDevice::isMissing)
                    .forEach(verb -> method(type, verb.getName(), descriptor(verb), CodeBuilder::return_));
        });
        try {
            return HERE.defineClass(bytes);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void method(ClassBuilder type, String name, MethodTypeDesc descriptor,
            Consumer<CodeBuilder> body) {
        type.withMethodBody(name, descriptor, Modifier.PUBLIC, body);
    }

    private static boolean isMissing(Method method) {
        return Modifier.isAbstract(method.getModifiers()) && Arrays.stream(DryDevice.class.getDeclaredMethods())
                .noneMatch(own -> own.getName().equals(method.getName())
                        && Arrays.equals(own.getParameterTypes(), method.getParameterTypes()));
    }

    private static MethodTypeDesc descriptor(Method method) {
        return MethodType.methodType(method.getReturnType(), method.getParameterTypes()).describeConstable()
                .orElseThrow();
    }

    @Override
    public String name() {
        return "dry";
    }

    @Override
    public String description() {
        return "nothing: counts memory";
    }

    @Override
    public Precision precision() {
        return precision;
    }

    @Override
    public long capacity() {
        return Long.MAX_VALUE;
    }

    @Override
    protected long allocateRaw(long bytes) {
        long address = next;
        next += bytes;
        return address;
    }

    @Override
    protected void freeRaw(long address, long bytes) {
        // there is none
    }

    /** Multiplies nothing, but makes room for the copy of a frozen matrix. */
    @Override
    public void gemm(Matrix c, Matrix a, Matrix b, float alpha, boolean add, Buffer bias) {
        if (copies != null) {
            copies.book(memory(), b, c.batch());
        }
    }

    /** The numbers need not be made. */
    @Override
    public void upload(Buffer y, Supplier<float[]> source) {
        // nothing keeps them
    }

    @Override
    protected void freeAll() {
        // nothing is held
    }
}
